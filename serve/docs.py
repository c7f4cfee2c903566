"""The page that shows the API: Swagger UI from an installed package, nothing from elsewhere."""

from pathlib import Path

import fastapi_offline
from starlette.staticfiles import StaticFiles

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>brainray: the HTTP API</title>
<link rel="stylesheet" href="{static}/swagger-ui.css">
</head>
<body>
<div id="api"></div>
<script src="{static}/swagger-ui-bundle.js"></script>
<script>
SwaggerUIBundle({{url: "{openapi}", dom_id: "#api", deepLinking: true, validatorUrl: null}})
</script>
</body>
</html>
"""


def docs_page(openapi: str, static: str) -> str:
    """Return the page.

    Args:
        openapi: address of the OpenAPI document.
        static: address of Swagger UI's files.
    """
    return _PAGE.format(openapi=openapi, static=static)


def static_files() -> StaticFiles:
    """Return the application that gives out Swagger UI's files."""
    return StaticFiles(directory=Path(fastapi_offline.__file__).parent / "static")
