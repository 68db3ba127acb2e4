"""Writes docs/settings.md from the fields of `Settings`: python docs/write_settings.py."""

from pathlib import Path

from bench.planning.settings import Settings, typed_names

PAGE = Path(__file__).with_name("settings.md")

HEAD = """\
# Settings of a run

Each is an option of `bench run` (`--train-noise blind`), a key of a TOML file given by `--config`
(`train-noise = "blind"`), and a keyword of `bench.run` (`train_noise="blind"`). What is typed goes
before the file. A manifest records those marked so: two runs whose recorded settings are equal
measure the same.
This page is made from the code, by `python docs/write_settings.py`.

| setting | default | recorded | what it is |
|---|---|---|---|
"""


def page() -> str:
    """The page as it should be."""
    rows = []
    for field, (name, typed) in typed_names().items():
        info = Settings.model_fields[field]
        default = info.default if typed.default is None else typed.default
        text = typed.shown or ("" if default in (None, ()) else str(default).lower())
        if typed.default is not None:
            text += f" (from Python {info.default})"
        python = f", in Python `{field}`" if field != name.replace("-", "_") else ""
        recorded = {"always": "yes", "where set": "where set", "never": ""}[typed.recorded]
        shown = (info.description or "").replace("|", "\\|")
        rows.append(f"| `{name}`{python} | {text} | {recorded} | {shown} |")
    return HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
