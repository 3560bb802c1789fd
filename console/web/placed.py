"""Where the window stands as people see it: behind a base path, by http or https."""

from starlette.types import ASGIApp, Receive, Scope, Send


class Placed:
    """ASGI middleware. `base_path` such as `/mailcall`: a proxy may leave it in the path or take it away."""

    def __init__(self, app: ASGIApp, base_path: str, scheme: str) -> None:
        self._app = app
        self._base_path = base_path
        self._scheme = scheme

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = scope["path"] + "/" if scope["path"] == self._base_path else scope["path"]
            scope.update(path=path, root_path=self._base_path, scheme=self._scheme)
        await self._app(scope, receive, send)
