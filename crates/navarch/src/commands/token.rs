//! `navarch token`: the tokens by which nodes join.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Endpoints, Secret};
use kube::config::Kubeconfig;
use navarch_api::bootstrap_token::{self as kept, Expiry};
use navarch_auth::bootstrap_token::is_bootstrap_group;
use navarch_auth::{BootstrapToken, inspection};
use navarch_client::{Client, DeleteOptions, Https, ListOptions};
use serde_json::json;

use crate::cli::{CreateToken, DataDir, Token};
use crate::layout::Layout;
use crate::{remote, table};

pub(super) async fn run(arguments: Token) -> Result<()> {
    match arguments {
        Token::Create(arguments) => create(&arguments).await,
        Token::List { data } => list(&data).await,
        Token::Delete { data, tokens } => delete(&data, &tokens).await,
    }
}

async fn administrator(layout: &Layout) -> Result<Client> {
    let client = remote::client(&layout.kubeconfig()).await?;
    Ok(Client::new(Arc::new(Https::new(client))))
}

async fn create(arguments: &CreateToken) -> Result<()> {
    let groups = &arguments.groups;
    if let Some(wrong) = groups.iter().find(|group| !is_bootstrap_group(group)) {
        bail!("--groups {wrong}: the name of a group of bootstrappers is `system:bootstrappers:…`");
    }
    let layout = Layout::existing(&arguments.data.data_dir)?;
    let client = administrator(&layout).await?;
    let token = BootstrapToken::generate()?;
    let secret = secret(&token, arguments, Timestamp::now())?;
    client.create(secret).await.context("the token's secret")?;
    if arguments.print_join_command {
        println!("{}", join_command(&layout, &client, &token).await?);
    } else {
        println!("{token}");
    }
    Ok(())
}

fn secret(token: &BootstrapToken, arguments: &CreateToken, now: Timestamp) -> Result<Secret> {
    let mut data = json!({
        kept::ID: token.id, kept::SECRET: token.secret, kept::USAGE_AUTHENTICATION: "true",
        kept::EXTRA_GROUPS: arguments.groups.join(","),
    });
    if !arguments.description.is_empty() {
        data[kept::DESCRIPTION] = arguments.description.as_str().into();
    }
    if !arguments.ttl.is_zero() {
        let end = now.checked_add(arguments.ttl).context("--ttl")?;
        let end = Timestamp::from_second(end.as_second())?;
        data[kept::EXPIRATION] = end.to_string().into();
    }
    let metadata = json!({"name": token.secret_name(), "namespace": kept::NAMESPACE});
    let secret = json!({"metadata": metadata, "type": kept::TYPE, "stringData": data});
    Ok(serde_json::from_value(secret)?)
}

/// What is to be run on a host that is to join.
async fn join_command(layout: &Layout, client: &Client, token: &BootstrapToken) -> Result<String> {
    let server = match elsewhere(client).await? {
        Some(server) => server,
        // It listens for this host alone.
        None => here(layout)?,
    };
    let ca = layout.pki().join("ca.crt");
    let certificate = std::fs::read_to_string(&ca).with_context(|| ca.display().to_string())?;
    let pin = inspection::pin(&certificate)
        .with_context(|| format!("{} is no certificate", ca.display()))?;
    Ok(format!(
        "navarch agent --server {server} --token {token} --ca-cert-hash {pin}"
    ))
}

/// Where other hosts find the API: behind the service `kubernetes`, if it is there.
async fn elsewhere(client: &Client) -> Result<Option<String>> {
    let found = client.get::<Endpoints>(Some("default"), "kubernetes").await;
    let api = match found {
        Err(error) if error.is_not_found() => return Ok(None),
        found => found.context("where the API is")?,
    };
    let subset = api.subsets.iter().flatten().next();
    let address = subset.and_then(|it| it.addresses.iter().flatten().next());
    let port = subset.and_then(|it| it.ports.iter().flatten().next());
    let url = address.zip(port).map(|(address, port)| {
        let (ip, port) = (&address.ip, port.port);
        let ip = if ip.contains(':') {
            format!("[{ip}]")
        } else {
            ip.clone()
        };
        format!("https://{ip}:{port}")
    });
    Ok(url)
}

/// Where the administrator's kubeconfig finds it.
fn here(layout: &Layout) -> Result<String> {
    let kubeconfig = Kubeconfig::read_from(layout.kubeconfig())?;
    let mut clusters = kubeconfig.clusters.into_iter();
    let server = clusters.find_map(|named| named.cluster?.server);
    server.ok_or_else(|| anyhow!("the kubeconfig names no server"))
}

async fn list(data: &DataDir) -> Result<()> {
    let client = administrator(&Layout::existing(&data.data_dir)?).await?;
    let options = ListOptions {
        namespace: Some(kept::NAMESPACE.to_owned()),
        field_selector: format!("type={}", kept::TYPE),
        ..ListOptions::default()
    };
    let tokens = client.list::<Secret>(&options).await?;
    let now = Timestamp::now();
    let rows = tokens.items.iter().map(|token| row(token, now)).collect();
    let head = ["ID", "TTL", "EXPIRES", "DESCRIPTION", "EXTRA GROUPS"];
    print!("{}", table::table(&head, rows));
    Ok(())
}

/// A token, but for what proves it.
fn row(secret: &Secret, now: Timestamp) -> Vec<String> {
    let (ttl, expires) = match Expiry::of(secret, now) {
        Expiry::Never => ("<forever>".to_owned(), "<never>".to_owned()),
        Expiry::Over => ("<invalid>".to_owned(), String::new()),
        Expiry::At(end) => (
            navarch_api::cell::duration(end.duration_since(now).as_secs()),
            end.to_string(),
        ),
    };
    let says = |key| kept::text(secret, key).to_owned();
    vec![
        says(kept::ID),
        ttl,
        expires,
        says(kept::DESCRIPTION),
        says(kept::EXTRA_GROUPS),
    ]
}

async fn delete(data: &DataDir, tokens: &[String]) -> Result<()> {
    let client = administrator(&Layout::existing(&data.data_dir)?).await?;
    for token in tokens {
        let id = token.split_once('.').map_or(token.as_str(), |(id, _)| id);
        let name = format!("{}{id}", kept::NAME_PREFIX);
        let namespace = Some(kept::NAMESPACE);
        client
            .delete::<Secret>(namespace, &name, DeleteOptions::default())
            .await
            .with_context(|| format!("the token {id}"))?;
        println!("deleted {id}");
    }
    Ok(())
}
