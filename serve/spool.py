"""The body of a request in a file: what is too large for memory while it is worked on."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.exceptions import HTTPException
from starlette.requests import Request

from .bodies import CLOSE, take_body


@dataclass(frozen=True)
class Part:
    """A part of a form, or the whole body.

    Attributes:
        name: of the form's field.
        start: of its bytes in the file.
        size: in bytes.
    """

    name: str
    start: int
    size: int


class Spool:
    """Parts of a body, one behind the other in a file without anything between them.

    Args:
        path: of the file, which is made.
        most_parts: that a form may have.
    """

    def __init__(self, path: Path, most_parts: int) -> None:
        self.path = path
        self.parts: list[Part] = []
        self._most_parts = most_parts
        self._file: BinaryIO = path.open("w+b")
        self._headers: list[tuple[bytes, bytes]] = []
        self._field, self._value = b"", b""
        self._start = self._end = 0
        self._whole = False

    def read(self, part: Part) -> bytes:
        """Return the bytes of a part."""
        self._file.seek(part.start)
        return self._file.read(part.size)

    def close(self) -> None:
        """Close the file, which stays."""
        self._file.close()

    async def take_form(
        self, request: Request, boundary: bytes, largest_bytes: int, seconds: float
    ) -> None:
        """Write the parts of a multipart form into the file.

        Raises:
            HTTPException: 400, 408, 413, or 422 for too many parts.
        """
        no_form = "body: is no multipart form"
        try:
            parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._headers.clear,
                    "on_header_field": self._take_field,
                    "on_header_value": self._take_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._begin_part,
                    "on_part_data": self._write,
                    "on_part_end": self._end_part,
                    "on_end": self._finish,
                },
            )

            async def take(chunk: bytes) -> None:
                await asyncio.to_thread(parser.write, chunk)

            await take_body(request, largest_bytes, seconds, take)
        except FormParserError as error:
            raise HTTPException(400, f"{no_form}: {error}", CLOSE) from error
        # What was cut off must not pass for a request with fewer frames.
        if not self._whole:
            raise HTTPException(400, f"{no_form}: its closing boundary is missing")
        await asyncio.to_thread(self._file.flush)

    async def take_whole(
        self, request: Request, name: str, largest_bytes: int, seconds: float
    ) -> None:
        """Write the body into the file as one part.

        Raises:
            HTTPException: 400, 408 or 413.
        """

        async def take(chunk: bytes) -> None:
            await asyncio.to_thread(self._write, chunk, 0, len(chunk))

        await take_body(request, largest_bytes, seconds, take)
        self.parts.append(Part(name, 0, self._end))
        await asyncio.to_thread(self._file.flush)

    def _take_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _take_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._headers.append((self._field.lower(), self._value))
        self._field, self._value = b"", b""

    def _begin_part(self) -> None:
        if len(self.parts) == self._most_parts:
            raise HTTPException(
                422, f"body: has more than {self._most_parts} parts, which is the most", CLOSE
            )
        self._start = self._end

    def _write(self, data: bytes, start: int, end: int) -> None:
        self._file.write(data[start:end])
        self._end += end - start

    def _end_part(self) -> None:
        name = b""
        for field, value in self._headers:
            if field == b"content-disposition":
                name = parse_options_header(value)[1].get(b"name", b"")
        self.parts.append(Part(name.decode("latin-1"), self._start, self._end - self._start))

    def _finish(self) -> None:
        self._whole = True
