"""The configuration: what is read, what wins, and what each mistake says."""

import re
import tomllib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from packshot.config import Config, differences, dump, load, slug_of_host, to_toml, with_values
from packshot.errors import ConfigError, StopDaemon
from packshot.wiring import check_config

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


def write(folder: Path, text: str, name: str = "packshot.toml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def test_nothing_configured_gives_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("packshot.config.DEFAULT_PATH", Path("/nonexistent/packshot.toml"))
    assert load(None, {}).config == Config()


def test_dump_is_toml_that_loads_to_the_same(tmp_path: Path) -> None:
    file = write(tmp_path, dump(Config()))
    assert load(file, {}).config == Config()
    assert tomllib.loads(dump(Config())) == msgspec.to_builtins(Config())


def test_a_time_without_end_is_dumped_as_one(tmp_path: Path) -> None:
    config = load(write(tmp_path, "[spool]\nkeep_ended_s = inf\n"), {}).config
    assert load(write(tmp_path, dump(config), "dumped.toml"), {}).config == config


def test_conf_d_wins_over_the_main_file_and_the_environment_over_both(tmp_path: Path) -> None:
    main = write(tmp_path, '[mqtt]\nhost = "main"\nport = 1\nkeepalive_s = 11\n')
    write(tmp_path, '[mqtt]\nhost = "second"\nport = 2\n', "conf.d/20-second.toml")
    write(tmp_path, "[mqtt]\nport = 3\n", "conf.d/30-third.toml")
    loaded = load(main, {"PACKSHOT_MQTT_HOST": "env", "PACKSHOT_CONFIG": "ignored when a file is named"})
    assert (loaded.config.mqtt.host, loaded.config.mqtt.port, loaded.config.mqtt.keepalive_s) == ("env", 3, 11)
    assert loaded.origins["mqtt.host"] == "environment"
    assert loaded.origins["mqtt.port"].endswith("30-third.toml")


def test_environment_values_keep_the_type_of_their_key(tmp_path: Path) -> None:
    file = write(tmp_path, "")
    env = {"PACKSHOT_MQTT_USERNAME": "1234", "PACKSHOT_MQTT_TLS": "true", "PACKSHOT_CAMERA_CONTROLS": "{gain = 3}"}
    config = load(file, env).config
    assert config.mqtt.username == "1234"
    assert config.mqtt.tls is True
    assert config.camera.controls == {"gain": 3.0}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('[mqtt]\nport = "abc"', ["mqtt.port", "'abc'", "int", "packshot.toml"]),
        ("[mqtt]\nport = 70000", ["mqtt.port", "70000", "65535"]),
        ("[mqtt]\nprot = 3", ["mqtt.prot", "no known key", "packshot.toml"]),
        ('[camera]\nsorce = "x"', ["camera.sorce", "did you mean camera.source"]),
        ("[mqt]\nhost = 1", ["mqt", "no known key"]),
        ("mqtt = 3", ["mqtt", "3"]),
        ('[mqtt]\nprotocol = "4"', ["mqtt.protocol", "'4'"]),
        ("[camera]\ntimeout_s = -1", ["camera.timeout_s", "-1"]),
        ('[device]\nid = "Kasse 1"', ["device.id", "Kasse 1"]),
        ("[mqtt", ["not valid TOML", "packshot.toml"]),
        ('[cut.verdict]\nunsure = "much"', ["cut.verdict", "float"]),
    ],
)
def test_a_mistake_is_named_with_key_value_and_file(tmp_path: Path, text: str, parts: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        load(write(tmp_path, text), {})
    message = str(error.value)
    assert "\n" not in message
    assert [part for part in parts if part not in message] == []


def test_half_a_file_is_refused_whatever_byte_it_ends_at(tmp_path: Path) -> None:
    whole = dump(Config(device=Config().device))
    for end in range(1, len(whole), 37):
        file = write(tmp_path, whole[:end])
        try:
            config = load(file, {}).config
        except ConfigError as error:
            assert str(file) in str(error) or "packshot.toml" in str(error)
        else:
            assert isinstance(config, Config)


def test_a_file_that_is_not_there_is_an_error_only_when_it_was_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        load(tmp_path / "none.toml", {})
    with pytest.raises(ConfigError, match="does not exist"):
        load(None, {"PACKSHOT_CONFIG": str(tmp_path / "none.toml")})


def test_an_unknown_environment_variable_is_refused_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"PACKSHOT_MQT_HOST.*did you mean PACKSHOT_MQTT_HOST"):
        load(write(tmp_path, ""), {"PACKSHOT_MQT_HOST": "x"})


def test_what_the_scripts_of_the_deployment_read_may_stay_in_the_environment(tmp_path: Path) -> None:
    texts = [path.read_text("utf-8", "replace") for path in DEPLOY.rglob("*") if path.is_file()]
    read = {name for text in texts for name in re.findall(r"(?:\$\{|export )(PACKSHOT_[A-Z_]+)", text)}
    assert {"PACKSHOT_CA", "PACKSHOT_KIOSK_URL"} <= read
    assert load(write(tmp_path, ""), dict.fromkeys(read, "x")).config == Config()


def test_differences_name_only_what_is_not_the_default() -> None:
    assert differences(with_values(Config(), mqtt={"port": 1884, "host": None})) == {"mqtt.port": (1883, 1884)}


def test_a_value_from_the_command_line_is_checked_too() -> None:
    with pytest.raises(ConfigError, match=r"model.threads.*command line"):
        with_values(Config(), model={"threads": -1})


@given(st.text())
def test_any_host_name_makes_a_valid_device_id(name: str) -> None:
    assert load_device(slug_of_host(name or "x"))


def load_device(slug: str) -> bool:
    return msgspec.convert({"device": {"id": slug}}, Config).device.id == slug != ""


values = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.text(max_size=8), values, max_size=5))
def test_written_toml_reads_back(table: dict[str, object]) -> None:
    assert tomllib.loads(to_toml({"section": table}))["section"] == table


@given(st.dictionaries(st.sampled_from(["mqtt", "camera", "cut", "nonsense", "spool"]), values, max_size=4))
def test_no_configuration_whatsoever_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, table: dict) -> None:
    file = write(tmp_path_factory.mktemp("config"), to_toml(table))
    try:
        load(file, {})
    except ConfigError as error:
        assert "\n" not in str(error).strip()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('[model]\nengine = "quantum"', "model.engine 'quantum'"),
        ('[model]\nedgetpu_path = "/nowhere/small.tflite"', "/nowhere/small"),
        ('[model]\nonnx_path = "/nowhere/small.onnx"', "/nowhere/small"),
        ('[mqtt]\ntls = true\nca_file = "/nowhere/ca.crt"', "mqtt.ca_file /nowhere/ca.crt"),
        ('[id_camera]\nkind = "webcam"', "'webcam'"),
        ('[id_photo]\nspecs_file = "/nowhere/specs.toml"', "id_photo.specs_file /nowhere/specs.toml"),
        ('[id_photo]\nspec = "moon"', "moon"),
    ],
)
def test_what_the_daemon_would_not_start_with_is_no_valid_configuration(tmp_path: Path, text: str, word: str) -> None:
    with pytest.raises(StopDaemon, match=re.escape(word)):
        check_config(load(write(tmp_path, text), {}).config)


def test_what_the_daemon_starts_with_is_a_valid_configuration(tmp_path: Path) -> None:
    check_config(load(write(tmp_path, '[model]\nengine = "litert"\nonnx_path = "released"'), {}).config)
