"""The reference of the command line, made by walking the click commands themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
from docs.generators.markdown import escaped, table

from gramax.cli import cli

INTRO = """# Commands

This page is made from the commands themselves by `make docs`. Every command prints the same with
`--help`. The [quick start](quickstart.md) shows the most important ones at work.

"""
WRITTEN_DEFAULT = re.compile(r"\s*\[default: ([^\]]*)\]")
"""How a help text tells a default that is no value, such as `[default: where it is quick]`."""


def page() -> str:
    """The page docs/commands.md."""
    context = click.Context(cli, info_name="gramax", **cli.context_settings)
    parts = [INTRO, _help(cli), "\n## Exit codes\n\n", _epilog(cli)]
    parts += [_command(command, context) for command, context in _walk(cli, context)]
    return "".join(parts)


def _walk(
    group: click.Group, context: click.Context
) -> Iterator[tuple[click.Command, click.Context]]:
    """Every command below the group, groups within it included, by name."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        inner = click.Context(command, info_name=name, parent=context)
        yield command, inner
        if isinstance(command, click.Group):
            yield from _walk(command, inner)


def _command(command: click.Command, context: click.Context) -> str:
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    parts = [f"\n## gramax {context.info_name}\n\n```text\n{usage}\n```\n\n{_help(command)}"]
    options = [one for one in command.get_params(context) if isinstance(one, click.Option)]
    rows = [_option(one, context) for one in options if not one.hidden]
    parts.append("\n" + table(("option", "default", "what it does"), rows))
    return "".join(parts)


def _option(option: click.Option, context: click.Context) -> tuple[str, str, str]:
    record = option.get_help_record(context)
    assert record is not None
    words = WRITTEN_DEFAULT.sub("", option.help or "")
    limits = option.get_help_extra(context).get("range")
    if limits:
        words = f"{words} ({limits})".strip()
    return f"`{record[0]}`", escaped(_default(option, context)), escaped(" ".join(words.split()))


def _default(option: click.Option, context: click.Context) -> str:
    """The default in words, or "" where the option then has no value."""
    if written := WRITTEN_DEFAULT.search(option.help or ""):
        return written[1]
    if option.is_eager:  # --help and --version
        return ""
    value = option.to_info_dict()["default"]
    if isinstance(value, bool):
        return "on" if value else "off"
    return "" if value is None or option.multiple else str(value)


def _help(command: click.Command) -> str:
    paragraphs = re.split(r"\n\s*\n", command.help or "")
    lines = (escaped(" ".join(one.replace("\b", "").split())) for one in paragraphs)
    return "\n\n".join(lines).strip() + "\n"


def _epilog(command: click.Command) -> str:
    """The exit codes, which the end of the help lists: a number, two spaces, the meaning."""
    rows = re.findall(r"^ *(\d+)  (.+)$", command.epilog or "", re.MULTILINE)
    return table(("code", "meaning"), [(code, escaped(words)) for code, words in rows])
