"""YAML files on disk as trees with positions: whatever keeps one from being read is one line."""

import stat
from pathlib import Path

from labform.problems import LabformError, ProblemsError, suggestion
from labform.yaml_tree import MAX_BYTES, Node, YamlError, parse


def tree_of(path: Path) -> Node:
    """The tree of a YAML file; LabformError for a file that cannot be read, ProblemsError for one that is not YAML."""
    text = text_of(path)
    try:
        return parse(text)
    except YamlError as error:
        shown = f"{path}:{error.line}:{error.column}: {error.problem}"
        raise ProblemsError([error.problem], [shown]) from None


def text_of(path: Path) -> str:
    """The text of a file; LabformError for one that cannot be read."""
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise LabformError(f"{path}: error[file] is not a regular file")
        if path.stat().st_size > MAX_BYTES:
            raise LabformError(f"{path}: error[file] is larger than {MAX_BYTES // 1024**2} MiB")
        data = path.read_bytes()
        return data.decode("utf-8-sig")
    except FileNotFoundError:
        folder = path.parent
        found = (one for pattern in ("*.yaml", "stacks/*.yaml") for one in folder.glob(pattern))
        near = [str(one.relative_to(folder)) for one in found if not one.name.startswith("Pulumi.")]
        raise LabformError(f"{path}: error[file] there is no such file; {suggestion(path.name, near)}") from None
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig").split("\n")
        at = f"{path}:{len(before)}:{len(before[-1]) + 1}"
        what = f"byte 0x{data[error.start]:02x} is not UTF-8"
        raise LabformError(f"{at}: error[utf-8] {what}; save the file as UTF-8") from None
    except OSError as error:
        raise LabformError(f"{path}: error[file] {(error.strerror or 'cannot be read').lower()}") from None
