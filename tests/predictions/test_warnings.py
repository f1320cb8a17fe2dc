"""Every warning has a sentence that a person understands."""

from predictions.warnings import WarningCode, explained
from vision.photos.decoding import CUT_SHORT


def test_what_reading_a_photo_warns_of_is_explained() -> None:
    assert explained([CUT_SHORT])[0]["message"].endswith(".")


def test_every_code_has_a_sentence_of_its_own() -> None:
    sentences = {warning["message"] for warning in explained(WarningCode.values)}
    assert len(sentences) == len(WarningCode.values)


def test_no_warning_is_an_empty_list_and_an_unknown_one_is_left_out() -> None:
    assert explained([]) == explained(["of a later version"]) == []
