"""Sign users in with FastAPI and Authlib.

$ pip install fastapi uvicorn authlib httpx itsdangerous
$ OIDC_CLIENT_SECRET=… uvicorn fastapi_app:app --port 5002
"""

import os
import secrets

from authlib.integrations.base_client import OAuthError
from authlib.integrations.starlette_client import OAuth
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.middleware.sessions import SessionMiddleware

app = FastAPI()
# Signs the cookie. Without a key of your own, a restart signs all users out.
app.add_middleware(
    SessionMiddleware, secret_key=os.environ.get("SECRET_KEY") or secrets.token_hex(32)
)

oauth = OAuth()
oauth.register(
    "signet",
    client_id="your-client-id",
    client_secret=os.environ["OIDC_CLIENT_SECRET"],
    server_metadata_url="https://id.example.com/.well-known/openid-configuration",
    client_kwargs={"scope": "openid profile email", "code_challenge_method": "S256"},
)


@app.get("/")
def home(request: Request):
    """Show who is signed in."""
    return {"signed_in": request.session.get("user")}


@app.get("/login")
async def login(request: Request):
    """Send the user to the provider."""
    return await oauth.signet.authorize_redirect(request, str(request.url_for("callback")))


@app.get("/callback")
async def callback(request: Request):
    """Take them back; Authlib compares state and nonce, and verifies the ID token."""
    token = await oauth.signet.authorize_access_token(request)
    user = await oauth.signet.userinfo(token=token)
    if user["sub"] != token["userinfo"]["sub"]:
        raise OAuthError("invalid_token", "UserInfo is about another user.")
    request.session.clear()
    request.session["user"] = {"sub": user["sub"], "email": user.get("email")}
    request.session["id_token"] = token["id_token"]
    return RedirectResponse(request.url_for("home"))


@app.get("/logout")
async def logout(request: Request):
    """Sign the user out here, and at the provider."""
    id_token = request.session.pop("id_token", None)
    request.session.clear()
    home = str(request.url_for("home"))
    return await oauth.signet.logout_redirect(
        request, home, id_token_hint=id_token, client_id=oauth.signet.client_id
    )


@app.exception_handler(OAuthError)
def refused(_: Request, error: OAuthError):
    """Say what went wrong: also that the user said no."""
    return JSONResponse({"error": error.error, "description": error.description}, 400)
