"""Every code has a sentence in English and Korean, and every message that is made fits its code."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import translation

from predictions import messages as of_predictions
from training import messages as of_training
from training.models import ImportRun, Job, TrainingRun
from vision import messages as of_vision
from vision.diskspace import DiskFull
from vision.messages import Counted, Message, Parameter, Templates, in_words, several, stored

ROOT = Path(__file__).parents[2]
_ENUMS = (
    of_predictions.FailureCode,
    of_predictions.WarningCode,
    of_predictions.FaceWarningCode,
)
_PLACEHOLDER = re.compile(r"%\((\w+)\)(?:\.\d)?([sdf])")
_SAMPLES: dict[str, Parameter] = {"s": "some text", "f": 0.5}
PACKAGES = ("vision", "training", "predictions")
TEMPLATES: Templates = {**of_training.TEMPLATES, **of_predictions.OWN}


def placeholders(template: str | Counted) -> dict[str, str]:
    """Name → kind of all that a template is filled in with."""
    texts = [template] if isinstance(template, str) else list(template)
    return {name: kind for text in texts for name, kind in _PLACEHOLDER.findall(text)}


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("code", TEMPLATES)
def test_every_code_is_said_in_both_languages(code: str, number: int) -> None:
    samples = {**_SAMPLES, "d": number}
    filled = {name: samples[kind] for name, kind in placeholders(TEMPLATES[code]).items()}
    said = {}
    for language in ("en", "ko"):
        with translation.override(language):
            said[language] = in_words(Message(code, filled), TEMPLATES, translation)
        assert said[language]
        assert not re.search(r"%\(|%%", said[language])
    assert said["en"] == in_words(Message(code, filled), TEMPLATES)
    words = re.search(r"[A-Za-z]{3}", said["en"].replace("some text", ""))
    assert re.search("[가-힣]", said["ko"]) or not words


def test_no_code_has_two_templates() -> None:
    own = [of_vision.TEMPLATES, of_training.OWN, of_predictions.OWN]
    codes = [code for table in own for code in table]
    assert len(codes) == len(set(codes))


def _trees() -> Iterator[tuple[str, Path, ast.Module]]:
    """Package, path and syntax tree of every module."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield package, path.relative_to(ROOT), ast.parse(path.read_text())


def _codes_of_errors() -> dict[str, dict[str, str]]:
    """Name of an error's class → package → its code."""
    found: dict[str, dict[str, str]] = {}
    for package, _path, tree in _trees():
        for kind in [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]:
            for line in kind.body:
                match line:
                    case ast.Assign([ast.Name("code")], ast.Constant(str(code))):
                        found.setdefault(kind.name, {})[package] = code
    return found


def _texts(node: ast.expr) -> list[str]:
    """The texts that an argument may be; none where it is made in another way."""
    match node:
        case ast.Constant(str(text)):
            return [text]
        case ast.IfExp():
            return [*_texts(node.body), *_texts(node.orelse)]
    return []


def _made() -> Iterator[tuple[str, str, set[str] | None]]:
    """Every place that makes a message or an error: its code, and the names of its parameters,
    None where the place does not spell them out."""
    codes = _codes_of_errors()
    for package, path, tree in _trees():
        for call in ast.walk(tree):
            match call:
                case ast.Call(ast.Name("Message"), [first, *rest]):
                    names = _keys(rest[0]) if rest else set()
                    for code in _texts(first):
                        yield f"{path}:{call.lineno}", code, names
                case ast.Call(ast.Name(name), arguments) if name in codes:
                    code = codes[name].get(package) or next(iter(codes[name].values()))
                    given = {keyword.arg for keyword in call.keywords}
                    names = None if None in given else {str(one) for one in given}
                    whats = _texts(arguments[0]) if arguments else [""]
                    for what in whats:
                        yield f"{path}:{call.lineno}", f"{code}.{what}".rstrip("."), names


def _keys(node: ast.expr) -> set[str] | None:
    match node:
        case ast.Dict(keys) if all(isinstance(key, ast.Constant) for key in keys):
            return {str(key.value) for key in keys if isinstance(key, ast.Constant)}
    return None


def test_whatever_is_made_fits_its_template() -> None:
    made = list(_made())
    assert len(made) > 100
    assert [
        f"{place} {code}"
        for place, code, names in made
        if code not in TEMPLATES or names not in (None, set(placeholders(TEMPLATES[code])))
    ] == []


# Codes that are put together from a name: `figure.age_mae`.
_FAMILIES = {"figure", "head", "race", "gender", "split", "not_used", "log"}


def _constants(path: Path, tree: ast.Module) -> Iterator[str]:
    """The texts in a module that has no table of templates."""
    if path.name != "messages.py":
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_no_sentence_is_left_that_nobody_says() -> None:
    said = {code for _place, code, _names in _made()}
    said |= {code for codes in _codes_of_errors().values() for code in codes.values()}
    said |= {one.value for kind in _ENUMS for one in kind}
    said |= {code for _package, path, tree in _trees() for code in _constants(path, tree)}
    unsaid = [code for code in TEMPLATES if code.split(".")[0] not in _FAMILIES]
    assert [code for code in unsaid if code not in said] == []


def test_a_message_survives_the_database() -> None:
    inner = Message("megabytes", {"count": 15})
    message = several([Message("photo_too_large", {"limit": inner}), Message("disk_full")])
    read = Message.from_json(json.loads(json.dumps(message.as_json())))
    assert in_words(read, of_vision.TEMPLATES) == in_words(message, of_vision.TEMPLATES)


def test_a_list_of_names_has_commas_and_sentences_follow_one_another() -> None:
    known = ["classic", "full"]
    unknown = Message("recipe_invalid.unknown", {"name": "deluxe", "known": known})
    assert in_words(several([unknown, Message("disk_full")]), of_vision.TEMPLATES) == (
        "There is no recipe “deluxe”; there are classic, full. "
        "The disk is full. Please make room and resume; what was done is kept."
    )


KINDS: list[type[Job]] = Job.__subclasses__()


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_failed_in_an_english_worker_is_read_in_korean(kind: type[Job]) -> None:
    error = DiskFull("cache", needed="3.1 GB", room="10 kB")
    run = kind(message_code=error.message.code, message_parameters=stored(error.message.parameters))
    assert run.sentence == str(error)
    with translation.override("ko"):
        assert run.sentence.startswith("이미지의 특징에는 3.1 GB의 공간이 필요하지만")


def test_the_gates_words_are_read_in_korean() -> None:
    groups = [of_training.counted_group({"race": "white", "gender": "male", "age": "20-29"}, 7)]
    objection = Message("gate.learnt_from_few", {"labels": groups})
    message = several([Message("model_waits"), objection])
    run = TrainingRun(message_code=message.code, message_parameters=stored(message.parameters))
    assert run.sentence.endswith("It has learnt from too few images of: White, male, 20-29 (7).")
    with translation.override("ko"):
        assert "백인, 남성, 20-29 (7)" in run.sentence


def test_what_ran_before_there_were_codes_keeps_its_text() -> None:
    run = TrainingRun(message="The model “full-3” is made. It serves from now on.")
    with translation.override("ko"):
        assert run.sentence == "The model “full-3” is made. It serves from now on."
    translated = TrainingRun(message="Interrupted. Resume the run to continue.")
    with translation.override("ko"):
        assert re.search("[가-힣]", translated.sentence)
    assert TrainingRun().sentence == ""


def test_what_a_later_version_stored_is_no_crash() -> None:
    for code, parameters in (("of.later", {}), ("imported", {}), ("imported", {"changed": "x"})):
        run = ImportRun(message_code=code, message_parameters=parameters)
        assert "another version of FaceRoute" in run.sentence
