"""The options of `bench run`: one for each of the settings, and a file of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import click
from click.core import ParameterSource

from bench.core import UsageError, nearest


class SettingsCommand(click.Command):
    """A command with an option for each field of `Settings`.

    They are made when they are needed: `bench --help` shall not wait for pydantic.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._own = [_CONFIG, *self.params]
        self.params = []

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The settings' options, and then the command's own."""
        self.params = self.params or [*_options(), *self._own]
        return super().get_params(ctx)


def given_settings(context: click.Context, values: dict[str, Any]) -> dict[str, Any]:
    """By the fields of `Settings`: what was typed, over what stands in the file of settings."""
    from bench.planning.settings import Settings, typed_names

    typed = {
        field: value
        for field, value in values.items()
        if context.get_parameter_source(field) is not ParameterSource.DEFAULT
    }
    own = {
        field: entry.default
        for field, (_, entry) in typed_names().items()
        if entry.default is not None
    }
    path, entries = context.meta.get(_FILE, ("", {}))
    plugins = typed.get("plugins", entries.get("plugins", ()))  # which noises there are
    for field, value in entries.items():
        if field not in typed:  # one by one: what goes together only the whole command tells
            Settings.checked(path, **{"jobs": 1, "plugins": plugins, field: value})
    return {**own, **entries, **typed}


#: Where a command's context keeps the settings of the file.
_FILE = "bench.settings"


def _read(context: click.Context, option: click.Parameter, path: Path | None) -> None:
    """The settings of a TOML file, by their fields; `given_settings` checks what holds of them."""
    if path is None:
        return
    import tomllib

    from bench.planning.settings import typed_names

    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # also of absurd numbers and nesting
        raise UsageError(f"{path} is not valid TOML: {error}") from error
    fields = {name: field for field, (name, _) in typed_names().items()}
    for name, value in entries.items():
        if name not in fields:
            raise UsageError(f"{path}: unknown setting {name!r}: {nearest(name, fields)}")
        if isinstance(value, dict):
            raise UsageError(f"{path}: {name} is a text, a number or a list of them")
    values = {fields[name]: value for name, value in entries.items()}
    context.meta[_FILE] = (str(path), values)


_CONFIG = click.Option(
    ["--config"],
    type=click.Path(path_type=Path),
    is_eager=True,
    expose_value=False,
    callback=_read,
    help="TOML file with the same settings under the same names.",
)


def _options() -> list[click.Option]:
    from bench.planning.settings import Settings, typed_names

    types = get_type_hints(Settings)
    return [
        _option(field, name, types[field], Settings.model_fields[field], typed)
        for field, (name, typed) in typed_names().items()
    ]


def _option(field: str, name: str, hint: Any, info: Any, typed: Any) -> click.Option:
    """The option of a field; what is typed is checked and made a value by `Settings`."""
    default = info.default if typed.default is None else typed.default
    shown = typed.shown or ("" if default in (None, False, ()) else str(default))
    # What words may stand for is typed as text.
    words = isinstance(typed.default, str) or "|" in typed.metavar
    declared, kind = f"--{name}", str if words else _kind(hint)
    if kind is bool and default:
        declared, shown = f"{declared}/--no-{name}", "on"
    return click.Option(
        [declared, field],
        type=click.Path(path_type=Path) if kind is Path else None if kind is bool else kind,
        is_flag=kind is bool,
        multiple=get_origin(hint) is tuple and kind is Path,
        default=bool(default) if kind is bool else None,
        metavar=typed.metavar or None,
        envvar=typed.variable or None,
        help=f"{info.description}  [default: {shown}]" if shown else info.description,
    )


def _kind(hint: Any) -> type:
    """What click makes of the text that is typed: `bool`, `int`, `float`, `Path` or `str`."""
    kinds = (Path,) if get_origin(hint) is tuple else (bool, int, float, Path)
    return next((kind for kind in kinds if hint is kind or kind in get_args(hint)), str)
