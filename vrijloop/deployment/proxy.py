"""Configuration of nginx: TLS, with one server name each for platform, control room and, with Docker Compose,
Grafana."""

from __future__ import annotations

from collections.abc import Mapping


def nginx_conf(certificates: str, upstreams: Mapping[str, str], port: int, temporary: str, pid: str) -> str:
    """The whole configuration. `upstreams`: server name to `host:port`; `temporary`: a writable folder."""
    listen = str(port)
    servers = "\n".join(_server(name, upstream, listen, certificates) for name, upstream in upstreams.items())
    return f"""# Written by `vrijloop setup`, then yours.
worker_processes auto;
pid {pid};
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  server_tokens off;
  client_max_body_size 27m; # five drawings
  client_body_temp_path {temporary}/body;
  proxy_temp_path {temporary}/proxy;
  fastcgi_temp_path {temporary}/fastcgi;
  uwsgi_temp_path {temporary}/uwsgi;
  scgi_temp_path {temporary}/scgi;
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_session_cache shared:tls:1m;
  # Of one address. A page of dashboards asks for some hundred things at once; a person does not go on like that.
  limit_req_zone $binary_remote_addr zone=visitors:10m rate=100r/s;
  limit_req zone=visitors burst=500 nodelay;
  limit_req_status 429;
  proxy_http_version 1.1;
  # Live pages are streams that say little for long.
  proxy_buffering off;
  proxy_read_timeout 1h;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
{servers}
  server {{
    listen {listen} ssl default_server;
    ssl_reject_handshake on;
  }}
}}
"""


def _server(name: str, upstream: str, listen: str, certificates: str) -> str:
    return f"""  server {{
    listen {listen} ssl;
    server_name {name};
    ssl_certificate {certificates}/proxy.pem;
    ssl_certificate_key {certificates}/proxy-key.pem;
    add_header Strict-Transport-Security "max-age=31536000" always;
    location / {{
      proxy_pass http://{upstream};
      proxy_hide_header Strict-Transport-Security;
      # All of them here: nginx takes none from outside into a block that has one of its own.
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto https;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
    }}
  }}"""
