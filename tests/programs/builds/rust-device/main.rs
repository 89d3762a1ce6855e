//! A program without a browser, with the crate oauth2: it prints the address with its code, waits
//! for a line on its standard input, and polls. `device <issuer> <client_id>`

use oauth2::basic::BasicClient;
use oauth2::{
    AuthType, ClientId, DeviceAuthorizationUrl, Scope, StandardDeviceAuthorizationResponse,
    TokenResponse, TokenUrl,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let (issuer, client_id) = (&arguments[1], &arguments[2]);
    let client = BasicClient::new(ClientId::new(client_id.clone()))
        .set_auth_type(AuthType::RequestBody)
        .set_token_uri(TokenUrl::new(format!("{issuer}/token"))?)
        .set_device_authorization_url(DeviceAuthorizationUrl::new(format!(
            "{issuer}/device_authorization"
        ))?);
    let http = oauth2::reqwest::Client::new();
    let codes: StandardDeviceAuthorizationResponse = client
        .exchange_device_code()
        .add_scope(Scope::new("openid".to_string()))
        .request_async(&http)
        .await?;
    let complete = codes.verification_uri_complete().ok_or("no complete address")?;
    println!("{}", complete.secret());
    std::io::stdin().read_line(&mut String::new())?;
    let tokens = client
        .exchange_device_access_token(&codes)
        .request_async(&http, tokio::time::sleep, None)
        .await?;
    println!("{}", tokens.access_token().secret());
    Ok(())
}
