"""Who may do what: API keys with roles, in the header ``Authorization: Bearer KEY``."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from brainray.catalog.keys import ROLES, Role

_bearer = HTTPBearer(auto_error=False, description="A key of `brainray keys add`.")


def needs(role: Role) -> Any:
    """Return the dependency of a call that only keys of this role, or a later one, may make."""

    def check(
        request: Request,
        given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    ) -> None:
        library = request.app.state.library
        bootstrap = library.settings.bootstrap_key
        secret = bootstrap.get_secret_value() if bootstrap else None
        has = library.role_of(given.credentials, secret) if given is not None else None
        if has is None:
            raise HTTPException(
                401,
                "Authorization: a key is needed, as 'Bearer KEY'; `brainray keys add` makes one",
                {"WWW-Authenticate": "Bearer"},
            )
        if ROLES.index(has) < ROLES.index(role):
            raise HTTPException(403, f"Authorization: the key is a {has}'s, a {role}'s is needed")

    dependency: Callable[..., None] = check
    return Depends(dependency)
