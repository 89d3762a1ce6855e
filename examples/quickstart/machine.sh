#!/bin/sh
# A machine gets a token of its own with curl: no user signs in or agrees.
#
# $ apt install curl
# $ OIDC_CLIENT_SECRET=… SCOPE="…" API=https://api.example.com/… sh machine.sh
set -eu

answer=$(curl --fail-with-body --silent --show-error https://id.example.com/token \
  --user "your-client-id:$OIDC_CLIENT_SECRET" \
  --data grant_type=client_credentials \
  --data-urlencode "scope=$SCOPE")
token=$(printf %s "$answer" | sed -n 's/.*"access_token": *"\([^"]*\)".*/\1/p')

# The header is read from standard input, so that no list of processes shows the token.
printf 'Authorization: Bearer %s' "$token" |
  curl --fail-with-body --silent --show-error --header @- "$API"
