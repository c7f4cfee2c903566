"""``brainray catalog list drafts``: models that wait for their weights."""

from rich.table import Table
from rich.text import Text

from brainray.cli.catalog.common import open_library
from brainray.cli.output import show


def list_drafts(json_to: str | None) -> None:
    """List the declared models that wait for their weights."""
    drafts = open_library().drafts()
    table = Table(title=f"{len(drafts)} drafts")
    table.add_column("id", overflow="fold")
    for heading in ("network", "sub-region", "platform"):
        table.add_column(heading)
    for identifier, draft in drafts.items():
        cells = (identifier, draft.network, draft.sub_region, draft.platform)
        table.add_row(*map(Text, cells))
    documents = [{"id": identifier, **vars(draft)} for identifier, draft in drafts.items()]
    show(table, documents, json_to)
