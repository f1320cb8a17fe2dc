"""How static files are named: by what they hold, so that browsers may keep them for ever."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Our own modules import each other by these names too. (Django can do that for every script,
    but takes what other packages' scripts say in comments for imports.)"""

    patterns = (
        *CompressedManifestStaticFilesStorage.patterns,
        (
            "predictions/*.js",
            ((r"""(?P<matched>from\s+"(?P<url>\./[^"]+)")""", 'from "%(url)s"'),),
        ),
    )
