"""Whatever the documentation, or the code, points to is there."""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest
from django.utils.translation import gettext, override

ROOT = Path(__file__).parents[2]
# What is read by people: code with its comments, templates, settings and pages.
_READ = {".md", ".py", ".sh", ".yml", ".toml", ".html", ".po", ".txt", ".in", ".example", ""}


def tracked() -> list[Path]:
    """Every file of the repository that is text; of a copy without git, all but what is made."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [file for file in files if file.suffix in _READ and file.is_file()]


PAGES = [file for file in tracked() if file.suffix == ".md"]
IMAGES = ROOT / "docs" / "images"
# Pages in two languages lie beside each other: page.md and page.ko.md.
KOREAN = [page for page in PAGES if page.name.endswith(".ko.md")]


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """What links may name in a page, as GitHub makes it of headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def links(page: Path) -> Iterator[tuple[str, Path, str]]:
    """The links of a page to files of the repository: as written, where to, and the anchor."""
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if not re.match(r"[a-z]+:", link):
            path, _, anchor = link.partition("#")
            yield link, (page.parent / path).resolve() if path else page, anchor


def broken(page: Path) -> list[str]:
    """The links of a page, to files of the repository, that lead nowhere."""
    return [
        link
        for link, target, anchor in links(page)
        if not target.exists() or (anchor and anchor not in anchors(target))
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    assert broken(page) == []


def test_every_picture_is_shown_and_small() -> None:
    pictures = {file for file in IMAGES.rglob("*.*") if file.suffix != ".md"}
    shown = {target for page in PAGES for _, target, _ in links(page)}
    listed = re.findall(r"`([\w-]+\.jpg)`", (IMAGES / "photos" / "README.md").read_text())
    assert pictures
    assert sorted(pictures - shown - {IMAGES / "photos" / name for name in listed}) == []
    assert [one for one in pictures if one.stat().st_size > 150_000] == []


def test_the_pictures_of_the_guides_are_those_that_the_tool_makes() -> None:
    code = "".join(file.read_text() for file in (ROOT / "tools" / "guide_pictures").glob("*.py"))
    made = set(re.findall(r'\.take\("([\w-]+)"', code))
    assert made
    assert {file.stem for file in IMAGES.glob("*.webp")} == made
    assert {file.stem for file in (IMAGES / "ko").iterdir()} == made


def in_english(page: Path) -> Path:
    return page.with_name(page.name.replace(".ko.md", ".md"))


def outline(page: Path) -> list[str]:
    """What a page has in any language, from top to bottom: headings, pictures, steps, rows, …"""
    marks = r"^(#+ |\d\. |- |\|)|^!\[.*/([\w-]+\.\w+)\)"
    return ["".join(found) for found in re.findall(marks, prose(page), re.MULTILINE)]


@pytest.mark.parametrize("page", KOREAN, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_in_two_languages_says_the_same(page: Path) -> None:
    english = in_english(page)
    assert outline(page) == outline(english)
    assert page in {target for _, target, _ in links(english)}
    assert english in {target for _, target, _ in links(page)}
    pictures = [target for _, target, _ in links(page) if target.is_relative_to(IMAGES)]
    assert pictures
    assert [one for one in pictures if one.parent.name != "ko"] == []


def quoted(page: Path) -> set[str]:
    """The words of the site that a page names: in “quotation marks”, or as *steps → of a way*.

    Those with digits are examples.
    """
    text = " ".join(prose(page).split())
    ways = re.findall(r"\*([^*]+ → [^*]+)\*", text)
    words = [*re.findall("“([^”]+)”", text), *(step for way in ways for step in way.split(" → "))]
    return {word for word in words if not re.search(r"\d", word)}


def shown_in_korean(word: str) -> str:
    """What the Korean site shows for a word of the English one; … stands for what is filled in."""
    catalogue = polib.pofile(str(ROOT / "locale" / "ko" / "LC_MESSAGES" / "django.po"))
    filled_in = {entry.msgid: entry.msgstr for entry in catalogue}
    blank = {re.sub(r"%\(\w+\)s", "…", one): text for one, text in filled_in.items()}
    if word in blank:
        return re.sub(r"%\(\w+\)s", "…", blank[word])
    with override("ko"):  # Django's labels get their capitals on the page
        translated = (gettext(one) for one in (word, word.lower()))
        return next((one for one in translated if one.lower() != word.lower()), word)


@pytest.mark.parametrize("page", KOREAN, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_guides_name_buttons_as_the_site_does(page: Path) -> None:
    assert quoted(page) == {shown_in_korean(word) for word in quoted(in_english(page))}


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A page\n\n[a](page.md#a-page) [b](page.md#none) [c](gone.md) [d](#a-page)\n")
    assert broken(page) == ["page.md#none", "gone.md"]


def test_pages_that_the_code_names_exist() -> None:
    named = {
        (name, str(file.relative_to(ROOT)))
        for file in tracked()
        for name in re.findall(r"(?<![\w/.])docs/[\w/.-]+\.\w+", file.read_text())
    }
    assert named
    assert [(name, file) for name, file in sorted(named) if not (ROOT / name).exists()] == []


def test_the_architecture_tells_what_every_sub_package_is_for() -> None:
    page = (ROOT / "docs" / "developer" / "architecture.md").read_text()
    rows = "\n".join(line.split("|")[1] for line in page.splitlines() if line.startswith("| `"))
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = [layer for each in settings["contracts"] for layer in each.get("layers", [])]
    names = {name.strip() for layer in layers for name in layer.split("|")}
    assert [name for name in sorted(names) if not re.search(f"`{name}/?`", rows)] == []


def defined(dotted: str) -> bool:
    """Whether a dotted name is a module of ours, or a name in one (its attributes are not read)."""
    parts = dotted.split(".")
    for count in range(len(parts), 0, -1):
        folder = ROOT.joinpath(*parts[:count])
        module = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
        if module.is_file():
            name = parts[count] if count < len(parts) else ""
            pattern = rf"^\s*(?:def|class) {name}\b|^{name}\b.* = |^from .*\bimport .*\b{name}\b"
            return not name or bool(re.search(pattern, module.read_text(), re.MULTILINE))
    return False


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_names_of_the_code_exists(page: Path) -> None:
    ours = "faceroute_site|predictions|training|vision"
    text = page.read_text()
    dotted = re.findall(rf"`((?:{ours})(?:\.\w+)+)", text)
    files = re.findall(rf"`((?:{ours}|tests|tools|docs|templates)/[\w/.-]+\.\w+)`", text)
    assert [name for name in dotted if not defined(name)] == []
    assert [name for name in files if not (ROOT / name).exists()] == []
