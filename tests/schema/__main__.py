"""`python -m tests.schema` writes the generated files; `--check` only says which of them are not up to date."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.schema import decoders, plan, proto_file, upstream

TARGET = Path(__file__).parents[2] / "hubops" / "clients" / "kube" / "schema"


def generated() -> dict[str, bytes]:
    """Every generated file by its name. Raises plan.Mismatch for a field that Kubernetes does not have."""
    messages = upstream.messages()
    pairs = plan.pairs(messages)
    proto = proto_file.text(pairs, messages)
    written = {name: text.encode() for name, text in decoders.modules(pairs).items()}
    return written | {"trimmed.proto": proto.encode(), "trimmed.binpb": compile_proto(proto)}


def compile_proto(text: str) -> bytes:
    """The FileDescriptorSet of the schema.

    Not protoc's Python module: that refuses to be imported with any protobuf older than the one that made it.
    """
    from grpc_tools import protoc

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "trimmed.proto").write_text(text)
        compiled = Path(folder) / "trimmed.binpb"
        if protoc.main(["protoc", f"-I{folder}", f"--descriptor_set_out={compiled}", "trimmed.proto"]):
            raise RuntimeError("protoc refused the schema: see above")
        return compiled.read_bytes()


def stale() -> list[str]:
    """The generated files that are missing or differ from what would be written now."""
    return [
        name for name, content in generated().items()
        if not (TARGET / name).is_file() or (TARGET / name).read_bytes() != content
    ]  # fmt: skip


def main() -> int:
    if "--check" in sys.argv:
        for name in (names := stale()):
            print(f"not up to date: {TARGET / name}")
        return 1 if names else 0
    for name, content in generated().items():
        (TARGET / name).write_bytes(content)
    print(f"written: {TARGET}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
