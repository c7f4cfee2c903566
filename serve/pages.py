"""The pages: files of this package, which use the API alone and load nothing from elsewhere."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

WEB = Path(__file__).parent / "web"

_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; "
    "media-src 'self' blob:; img-src 'self' data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}

router = APIRouter(include_in_schema=False)


@router.get("/track")
def track_page() -> FileResponse:
    """Return the page that plays a video with the boxes that an endpoint streams."""
    return FileResponse(WEB / "track.html", headers=_HEADERS, media_type="text/html")


@router.get("/track/page.js")
def track_script() -> FileResponse:
    """Return what the page does."""
    return FileResponse(WEB / "track.js", headers=_HEADERS, media_type="text/javascript")
