// Package codegen stands for the C# code generator, of which the plugin only fills this type.
package codegen

// CSharpPackageInfo has the two fields that the plugin sets.
type CSharpPackageInfo struct {
	RespectSchemaVersion bool              `json:"respectSchemaVersion,omitempty"`
	PackageReferences    map[string]string `json:"packageReferences,omitempty"`
}
