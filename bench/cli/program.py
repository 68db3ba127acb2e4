"""The command group, and what becomes of errors: one line and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from bench.cli.console import by_words, say
from bench.cli.streams import lasting
from bench.core import BenchError, StorageError, printable, system_reason

EXIT_CELLS_FAILED = 3
EXIT_NOTHING = 4
EXIT_WRONG = 9
EXIT_NOT_HELD = 10
EXIT_INTERNAL = 70
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143

EXIT_CODES = """\
\b
Exit codes:
  0    all went well
  1    bench check: something regressed; bench test: a check that failed
  2    usage: the command cannot be carried out as given
  3    some cells failed or have no result; a method asked for was skipped; a metric asked for has
       no column in a cell, or needs a package that is not installed; bench denoise: some files
       could not be denoised
  4    bench check: nothing was measured, or a threshold matched nothing or another sort of run;
       bench verify: no cell could be measured here
  5    a data set is missing, damaged or cannot be downloaded
  6    a run, report or cache folder cannot be read or written
  7    the workers of a run are lost, or cannot work
  8    another process works on the run
  9    bench doctor: something is wrong
  10   bench verify: a cell did not hold
  70   an error inside bench itself
  130  interrupted; 143  ended by the system (SIGTERM)"""


#: Of a single command.
EPILOG = "Exit codes: see bench --help."


class Terminated(KeyboardInterrupt):
    """The system asks the process to end (SIGTERM), which it does as after Ctrl-C."""


class Program(click.Group):
    """Turns every error into one line and an exit code; with `--debug` a traceback as well."""

    def main(self, args: Sequence[str] | None = None, **kwargs: Any) -> NoReturn:  # type: ignore[override]
        """Run a command line and exit with its code."""
        arguments = list(sys.argv[1:] if args is None else args)
        with lasting() as output:
            code = self._code(arguments, **kwargs)
            output.flush()
            lost = output.lost
            # Who reads no more, as `head`, has what it wanted; a run's results are on disk.
            if lost and not (code or isinstance(lost, BrokenPipeError) or arguments[:1] == ["run"]):
                text = f"cannot write to standard output: {lost.strerror}"
                code = _say_error(text, StorageError.exit_code)
        sys.exit(code)

    def _code(self, arguments: list[str], **kwargs: Any) -> int:
        """Run a command line; its exit code."""
        kwargs["standalone_mode"] = False
        try:
            code = super().main(arguments, **kwargs)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            code = error.exit_code
        except click.UsageError as error:
            where = f" (see `{error.ctx.command_path} --help`)" if error.ctx else ""
            code = _say_error(f"{error.format_message()}{where}", error.exit_code)
        except click.ClickException as error:
            code = _say_error(error.format_message(), error.exit_code)
        except (click.Abort, KeyboardInterrupt) as error:
            code = _say_error(
                "interrupted; finished files are safe, and with --skip it goes on from there"
                if arguments[:1] == ["denoise"]
                else "interrupted; finished cells are safe, and the same command goes on from "
                "there",
                EXIT_TERMINATED
                if isinstance(error.__cause__ or error, Terminated)
                else EXIT_INTERRUPTED,
            )
        except Exception as error:
            if "--debug" in arguments:
                import traceback

                traceback.print_exception(error)
            if isinstance(error, BenchError):
                code = _say_error(str(error), error.exit_code)
            elif reason := system_reason(error):  # of a name that no file can have, say
                what = f"cannot read or write {getattr(error, 'filename', None) or 'a file'}"
                text = reason if isinstance(error, MemoryError) else f"{what}: {reason}"
                code = _say_error(text, StorageError.exit_code)
            else:
                text = f"{type(error).__name__}: {' '.join(str(error).split())}"
                code = _say_error(
                    f"inside bench: {text}; --debug shows the traceback: please report it",
                    EXIT_INTERNAL,
                )
        return code if isinstance(code, int) else 0


def _say_error(text: str, code: int) -> int:
    # One line, whatever names and messages hold.
    say(by_words(f"Error: {printable(text)}"), err=True)
    return code


@click.group(
    cls=Program,
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="denoise-bench", prog_name="bench")
def main() -> None:
    """Compare image denoisers: the same noise, splits, tuning, timing and metrics for all.

    \b
    bench run --noise 0.1,0.3,0.5      measure, on MNIST
    bench report                       tables and figures of the newest run
    bench check --thresholds FILE      has a method got worse?
    bench pack RUN                     one file for others; bench verify PACK measures it again
    bench denoise IN --method M --out D  denoise images of your own
    bench methods                      what can be compared
    bench metrics                      what it can be compared by
    bench new NAME                     begin a plugin of your own
    """
