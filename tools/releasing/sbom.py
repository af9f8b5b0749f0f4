"""The software bill of materials of one release on one platform: CycloneDX 1.6, the same bytes for the same input."""

import json
import uuid
import zipfile
from collections.abc import Iterable
from email.message import Message
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Any

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from tools.releasing.source import Source
from tools.releasing.wheels import sha256

NAMESPACE = uuid.UUID("6f6f3f0e-6f0b-5a39-9f4b-6a1d7b1c1f10")
"""Of this tool: a bill's serial number is made of it, the version and the platform."""
MODEL_SUFFIXES = (".tflite", ".onnx")


def bill_of_materials(source: Source, platform: str, wheels: Iterable[Path]) -> bytes:
    """Every wheel and every released network, with hashes and licences as their metadata state them."""
    bom = Bom(
        serial_number=uuid.uuid5(NAMESPACE, f"{source.version} {platform} {source.commit}"),
        metadata=BomMetaData(
            timestamp=source.built_at,
            component=Component(
                name="packshot", version=source.version, type=ComponentType.APPLICATION, bom_ref="packshot"
            ),
            properties=[
                Property(name="packshot:platform", value=platform),
                Property(name="packshot:commit", value=source.commit),
            ],
        ),
        components=[*map(_library, wheels), *_models(source.folder / "models" / "released")],
    )
    assert bom.metadata.component is not None
    bom.register_dependency(bom.metadata.component, bom.components)
    text = JsonV1Dot6(bom).output_as_string(indent=1)
    return json.dumps(json.loads(text), indent=1, sort_keys=True).encode() + b"\n"


def _library(wheel: Path) -> Component:
    metadata = _metadata(wheel)
    name, version = str(metadata["Name"]), str(metadata["Version"])
    licence = metadata["License-Expression"] or _classified(metadata) or metadata["License"] or "NOASSERTION"
    return Component(
        name=name,
        version=version,
        bom_ref=f"{name}=={version}",
        description=metadata["Summary"],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=sha256(wheel))],
        licenses=[LicenseFactory().make_from_string(licence.strip().partition("\n")[0])],
        purl=PackageURL("pypi", None, name.lower().replace("_", "-"), version, {"file_name": wheel.name}),
    )


def _metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        folder = "-".join(wheel.name.split("-")[:2])
        return BytesHeaderParser().parsebytes(archive.read(f"{folder}.dist-info/METADATA"))


def _classified(metadata: Message) -> str:
    found = [str(line) for line in metadata.get_all("Classifier", [])]
    return " OR ".join(line.rpartition(" :: ")[2] for line in found if line.startswith("License :: OSI Approved ::"))


def _models(folder: Path) -> list[Component]:
    cards: dict[str, Any] = {}
    for path in folder.glob("*.json"):
        cards.setdefault(path.stem, json.loads(path.read_text("utf-8")))
    return [_model(file, cards) for file in sorted(folder.iterdir()) if file.suffix in MODEL_SUFFIXES]


def _model(file: Path, cards: dict[str, Any]) -> Component:
    card: dict[str, Any] = next((card for stem, card in cards.items() if file.name.startswith(f"{stem}.")), {})
    return Component(
        name=file.name,
        version=card.get("version"),
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref=f"model:{file.name}",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=sha256(file))],
    )
