import pytest
import yaml

from components.errors import UsageError
from components.study.protocol import Protocol, read_protocol
from flows.settings import PROTOCOLS

NAMES = sorted(path.stem for path in PROTOCOLS.glob("*.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_every_protocol_is_complete_and_says_what_it_is(name):
    path = PROTOCOLS / f"{name}.yaml"
    assert read_protocol(path).study.seed >= 0
    assert path.read_text().startswith("# ")


def content():
    return yaml.safe_load((PROTOCOLS / "demo.yaml").read_text())


@pytest.mark.parametrize(
    ("section", "field", "value", "named"),
    [
        ("study", "sede", 1, "study.sede"),
        ("split", "test_patients", {"ablation": 3}, "split.test_patients"),
        ("clinical", "predictors", {"tace": ["bclc_stage"]}, "none for hepatectomy"),
        ("label", "unknown", "guess", "label.unknown"),
        ("signature", "maximum_correlation", float("nan"), "signature.maximum_correlation"),
    ],
)
def test_a_fault_is_named_by_section_and_field(tmp_path, section, field, value, named):
    faulty = content()
    faulty[section][field] = value
    path = tmp_path / "protocol.yaml"
    path.write_text(yaml.safe_dump(faulty))
    with pytest.raises(UsageError, match=named) as error:
        read_protocol(path)
    assert error.value.exit_code == 2


def test_a_missing_section_and_no_file_are_named(tmp_path):
    faulty = content()
    del faulty["label"]
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(faulty))
    with pytest.raises(UsageError, match="label"):
        read_protocol(tmp_path / "a.yaml")
    with pytest.raises(UsageError, match=r"b\.yaml, found none"):
        read_protocol(tmp_path / "b.yaml")
    with pytest.raises(UsageError, match="found none"):
        read_protocol(tmp_path)
    (tmp_path / "c.yaml").write_text("a: [")
    with pytest.raises(UsageError, match="expected YAML"):
        read_protocol(tmp_path / "c.yaml")


def test_the_hash_follows_the_values_and_the_parts_asked_for():
    protocol = Protocol.model_validate(content())
    changed = content()
    changed["search"]["folds"] = 4
    other = Protocol.model_validate(changed)
    assert protocol.hash() != other.hash()
    assert protocol.hash(["label", "search.rungs"]) == other.hash(["label", "search.rungs"])
    assert protocol.hash(["search.folds"]) != other.hash(["search.folds"])
    assert protocol.hash() == Protocol.model_validate(content()).hash()
