ARG TARGETARCH
FROM registry.example.org/base-$TARGETARCH:1
