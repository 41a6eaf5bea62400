"""Small projects of the shapes that people have, for the differential suite: a compose file, its files, and questions.

A question is a command that succeeds in a service's container when the project works under Docker Compose.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Shape(NamedTuple):
    """A project.

    Attributes:
        compose: Its compose file.
        files: What stands beside it.
        questions: Service and command, each.
        smoke: Whether it belongs to the ones that run in CI.
        works: Whether it works under Docker Compose.
    """

    compose: str
    files: Mapping[str, str] = {}
    questions: tuple[tuple[str, str], ...] = ()
    smoke: bool = False
    works: bool = True


WORKER = """\
import os, redis, time
client = redis.Redis.from_url(os.environ["REDIS_URL"])
while True:
    item = client.brpop("jobs", timeout=1)
    if item: client.incr("done")
"""
MIGRATE = """\
import os, psycopg2
with psycopg2.connect(os.environ["DATABASE_URL"]) as c, c.cursor() as k:
    k.execute("create table if not exists t (a int)")
"""
API = """\
import http.server, os, psycopg2, redis
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with psycopg2.connect(os.environ["DATABASE_URL"]) as c, c.cursor() as k:
            k.execute("select count(*) from t")
        redis.Redis.from_url(os.environ["REDIS_URL"]).ping()
        self.send_response(200); self.end_headers(); self.wfile.write(b"ok")
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer(("", 8000), Handler).serve_forever()
"""
LOGIN = """\
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if "Authorization" in self.headers else 401); self.end_headers()
    def log_message(self, *args): pass
http.server.HTTPServer(("", 8000), Handler).serve_forever()
"""
HTTP = "python3 -m http.server"
NGINX = "server {{ listen 80; location / {{ {} }} }}\n"

SHAPES: Mapping[str, Shape] = {
    "web, api, database, cache, migration": Shape(
        """\
        services:
          web:
            image: nginx:1.27
            ports: ["8090:80"]
            volumes: ["./site.conf:/etc/nginx/conf.d/default.conf:ro"]
            depends_on: {api: {condition: service_healthy}}
          api: &app
            build: ./app
            command: [python3, /app/api.py]
            expose: ["8000"]
            environment: {DATABASE_URL: "postgresql://shop:pw@db:5432/shop", REDIS_URL: "redis://cache:6379/0"}
            healthcheck: {test: [CMD, curl, -f, "http://localhost:8000/"], interval: 5s, timeout: 5s, retries: 10}
            depends_on:
              migrate: {condition: service_completed_successfully}
              cache: {condition: service_started}
          migrate:
            <<: *app
            command: [python3, /app/migrate.py]
            healthcheck: {disable: true}
            expose: []
            restart: "no"
            depends_on: {db: {condition: service_healthy}, cache: {condition: service_started}}
          db:
            image: postgres:16
            environment: {POSTGRES_USER: shop, POSTGRES_DB: shop, POSTGRES_PASSWORD: pw}
            healthcheck: {test: "pg_isready -h localhost -U shop", interval: 5s, retries: 12}
            volumes: ["data:/var/lib/postgresql/data"]
          cache: {image: "redis:7"}
        volumes: {data: {}}
        """,
        {
            "site.conf": NGINX.format("proxy_pass http://api:8000;"),
            "app/Dockerfile": "FROM python:3.12\nCOPY *.py /app/\n",
            "app/api.py": API,
            "app/migrate.py": MIGRATE,
        },
        (("web", "curl -fsS http://localhost/"),),
        smoke=True,
    ),
    "nginx and PHP-FPM, ports told": Shape(
        """\
        services:
          nginx:
            image: nginx:alpine
            ports: ["8091:80"]
            volumes: ["./n.conf:/etc/nginx/conf.d/default.conf:ro"]
            depends_on: [fpm]
          fpm:
            image: php:8.3-fpm
            expose: ["9000"]
            volumes: ["./index.php:/var/www/html/index.php:ro"]
        """,
        {
            "n.conf": NGINX.format(
                "include fastcgi_params; fastcgi_param SCRIPT_FILENAME /var/www/html/index.php; fastcgi_pass fpm:9000;"
            ),
            "index.php": "<?php echo 'hello';",
        },
        (("nginx", "curl -fsS http://localhost/ | grep hello"),),
        smoke=True,
    ),
    "nginx and PHP-FPM, nothing told": Shape(
        """\
        services:
          nginx:
            image: nginx:alpine
            ports: ["8091:80"]
            volumes: ["./n.conf:/etc/nginx/conf.d/default.conf:ro"]
            depends_on: [fpm]
          fpm: {build: .}
        """,
        {
            "Dockerfile": 'FROM python:3.12\nCMD ["python3", "-m", "http.server", "9001"]\n',
            "n.conf": NGINX.format("proxy_pass http://fpm:9001;"),
        },
        (("nginx", "curl -fsS http://localhost/"),),
    ),
    "queue and workers": Shape(
        """\
        services:
          queue: {image: "redis:7"}
          worker:
            image: python:3.12
            command: [python3, /w/worker.py]
            volumes: ["./worker.py:/w/worker.py:ro"]
            environment: {REDIS_URL: "redis://queue:6379/0"}
            depends_on: [queue]
            deploy: {replicas: 2}
            init: true
            restart: unless-stopped
        """,
        {"worker.py": WORKER},
        (("queue", "redis-cli lpush jobs 1"),),
        smoke=True,
    ),
    "a sidecar at localhost": Shape(
        f"""\
        services:
          app: {{image: "python:3.12", command: {HTTP} 8000}}
          proxy:
            image: nginx:1.27
            network_mode: service:app
            volumes: ["./p.conf:/etc/nginx/conf.d/default.conf:ro"]
            depends_on: [app]
            healthcheck: {{test: [CMD, curl, -f, "http://localhost/"], interval: 5s}}
        """,
        {"p.conf": NGINX.format("proxy_pass http://localhost:8000;")},
        (("proxy", "curl -fsS http://localhost/"),),
        smoke=True,
    ),
    "a job before the services": Shape(
        f"""\
        services:
          app: {{image: "python:3.12", command: {HTTP} 8000, depends_on: {{init: {{condition: service_completed_successfully}}}}}}
          init: {{image: "busybox:stable", command: [echo, done]}}
        """,
        smoke=True,
    ),
    "a job that needs the database": Shape(
        """\
        services:
          app:
            image: python:3.12
            command: [sleep, infinity]
            depends_on: {migrate: {condition: service_completed_successfully}}
          migrate:
            image: python:3.12
            command: [python3, /m/migrate.py]
            volumes: ["./migrate.py:/m/migrate.py:ro"]
            environment: {DATABASE_URL: "postgresql://postgres:pw@db:5432/postgres"}
            depends_on: {db: {condition: service_healthy}}
          db:
            image: postgres:16
            environment: {POSTGRES_PASSWORD: pw}
            healthcheck: {test: "pg_isready -h localhost -U postgres", interval: 5s, retries: 12}
        """,
        {"migrate.py": MIGRATE},
    ),
    "a job that fails": Shape(
        """\
        services:
          app:
            image: python:3.12
            command: [sleep, infinity]
            depends_on: {init: {condition: service_completed_successfully}}
          init: {image: "python:3.12", command: [python3, -c, "raise SystemExit(2)"]}
        """,
        works=False,
    ),
    "a mounted file": Shape(
        """\
        services:
          web:
            image: nginx:1.27
            ports: ["8092:80"]
            volumes: ["./index.html:/usr/share/nginx/html/index.html:ro"]
        """,
        {"index.html": "mine"},
        (("web", "curl -fsS http://localhost/ | grep mine"),),
        smoke=True,
    ),
    "a mounted folder replaces what is there": Shape(
        """\
        services:
          web:
            image: nginx:1.27
            ports: ["8092:80"]
            volumes: ["./conf:/etc/nginx/conf.d:ro"]
            healthcheck: {test: [CMD, curl, -f, "http://localhost/up"], interval: 5s, retries: 2}
        """,
        {"conf/site.conf": 'server { listen 80; location /up { return 200 "up"; } }\n'},
        (("web", "curl -fsS http://localhost/up"),),
    ),
    "an inline config": Shape(
        """\
        services:
          web:
            image: nginx:1.27
            ports: ["8092:80"]
            configs: [{source: site, target: /etc/nginx/conf.d/default.conf}]
        configs:
          site: {content: "server { listen 80; location / { return 200 inline; } }"}
        """,
        questions=(("web", "curl -fsS http://localhost/ | grep inline"),),
    ),
    "a volume that the image seeds": Shape(
        """\
        services:
          backend: {build: ., command: [sleep, infinity], volumes: ["sites:/srv/www"]}
          nginx:
            image: nginx:1.27
            ports: ["8093:80"]
            volumes: ["sites:/usr/share/nginx/html:ro"]
            healthcheck: {test: [CMD, curl, -f, "http://localhost/app.js"], interval: 5s, retries: 2}
            depends_on: [backend]
        volumes: {sites: {}}
        """,
        {"Dockerfile": "FROM acme/user-server:1\nCOPY app.js /srv/www/app.js\n", "app.js": "app"},
        (("nginx", "curl -fsS http://localhost/app.js"),),
    ),
    "a server of another user": Shape(
        """\
        services:
          web: {image: "acme/user-server:1", user: "1000", ports: ["8094:8000"]}
        """,
        questions=(("web", "curl -fsS http://localhost:8000/"),),
        smoke=True,
    ),
    "another user below 1024": Shape(
        f"""\
        services:
          web: {{image: "acme/user-server:1", user: "1000", command: {HTTP} 80, ports: ["8094:80"]}}
        """,
        questions=(("web", "curl -fsS http://localhost:80/"),),
    ),
    "a health check with curl": Shape(
        f"""\
        services:
          web:
            image: python:3.12
            command: {HTTP} 8000
            healthcheck: {{test: [CMD, curl, -f, "http://localhost:8000/"], interval: 5s}}
        """,
    ),
    "a health check with a shell": Shape(
        f"""\
        services:
          web:
            image: python:3.12
            command: {HTTP} 8000
            healthcheck: {{test: "curl -f http://localhost:8000/ || exit 1", interval: 5s, start_period: 10s}}
        """,
    ),
    "a health check with Python": Shape(
        f"""\
        services:
          web:
            image: python:3.12-slim
            command: {HTTP} 8000
            healthcheck:
              test: [CMD, python3, -c, "import urllib.request as u; u.urlopen('http://localhost:8000/')"]
              interval: 5s
        """,
    ),
    "a health check without its program": Shape(
        f"""\
        services:
          web:
            image: python:3.12-slim
            command: {HTTP} 8000
            healthcheck: {{test: [CMD, curl, -f, "http://localhost:8000/"], interval: 1s, retries: 2}}
        """,
        smoke=True,
        works=False,
    ),
    "no references ordered": Shape(
        f"""\
        services:
          gw: {{image: "python:3.12", command: [sleep, infinity], environment: {{UP: "http://orders:7000"}}}}
          orders: {{image: "python:3.12", command: {HTTP} 7000, expose: ["7000"]}}
        """,
        questions=(("gw", "curl -fsS http://orders:7000/"),),
    ),
    "a port that only a reference tells": Shape(
        """\
        services:
          web:
            image: python:3.12
            command: [sleep, infinity]
            environment: {API_URL: "http://api:8000"}
            depends_on: [api]
          api: {image: "acme/user-server:1"}
        """,
        questions=(("web", "curl -fsS http://api:8000/"),),
    ),
    "a cycle of references": Shape(
        f"""\
        services:
          a: {{image: "python:3.12", command: {HTTP} 2000, expose: ["2000"], environment: {{B: "http://b:1000"}}}}
          b: {{image: "python:3.12", command: {HTTP} 1000, expose: ["1000"], environment: {{A: "http://a:2000"}}}}
        """,
        questions=(("a", "curl -fsS http://b:1000/"), ("b", "curl -fsS http://a:2000/")),
    ),
    "a cycle of references, by DNS": Shape(
        f"""\
        x-fargate: {{names: dns}}
        services:
          a: {{image: "python:3.12", command: {HTTP} 2000, environment: {{B: "http://b:1000"}}}}
          b: {{image: "python:3.12", command: {HTTP} 1000, environment: {{A: "http://a:2000"}}}}
        """,
        questions=(("a", "curl -fsS http://b:1000/"), ("b", "curl -fsS http://a:2000/")),
    ),
    "host and path rules": Shape(
        f"""\
        services:
          shop:
            image: nginx:1.27
            ports: ["8095:80"]
            x-fargate: {{ingress: [{{port: 80, published: 8095, host: shop.example.org}}]}}
          api:
            image: python:3.12
            command: {HTTP} 8000 --directory /usr/share
            expose: ["8000"]
            x-fargate: {{ingress: [{{port: 8000, published: 8095, path: "/api/*", health_path: "/"}}]}}
        """,
        smoke=True,
    ),
    "an env file": Shape(
        """\
        services:
          app: {image: "python:3.12", env_file: app.env, command: [sh, -c, 'test "$$MODE" = live && exec sleep infinity']}
        """,
        {"app.env": "MODE=live\n"},
    ),
    "a secret from a file": Shape(
        """\
        services:
          app:
            image: python:3.12
            command: [sh, -c, 'test "$$(cat /run/secrets/token)" = abc && exec sleep infinity']
            secrets: [token]
        secrets: {token: {file: ./token}}
        """,
        {"token": "abc"},
    ),
    "a read-only root with tmpfs": Shape(
        """\
        services:
          app:
            image: python:3.12
            read_only: true
            tmpfs: [/tmp]
            command: [sh, -c, "echo x > /tmp/x && exec sleep infinity"]
        """,
    ),
    "another entry point": Shape(
        """\
        services:
          app: {image: "grafana/grafana:11.0.0", entrypoint: [sleep], command: [infinity]}
        """,
    ),
    "replicas behind the load balancer": Shape(
        """\
        services:
          web: {image: "nginx:1.27", expose: ["80"], deploy: {replicas: 2}, x-fargate: {ingress: [{port: 80}]}}
        """,
    ),
    "two networks": Shape(
        f"""\
        services:
          web:
            image: python:3.12
            command: [sleep, infinity]
            environment: {{API: "http://api:8000"}}
            networks: [front, back]
            depends_on: [api]
          api: {{image: "python:3.12", command: {HTTP} 8000, expose: ["8000"], networks: [back]}}
        networks: {{front: {{}}, back: {{}}}}
        """,
        questions=(("web", "curl -fsS http://api:8000/"),),
    ),
    "networks that do not meet": Shape(
        f"""\
        services:
          web:
            image: python:3.12
            command: [sh, -c, "sleep 1; curl -m 5 -fsS http://api:8000/ && exec sleep infinity"]
            networks: [front]
            depends_on: [api]
          api: {{image: "python:3.12", command: {HTTP} 8000, expose: ["8000"], networks: [back]}}
        networks: {{front: {{}}, back: {{}}}}
        """,
        works=False,
    ),
    "an alias on a network": Shape(
        f"""\
        services:
          web:
            image: python:3.12
            command: [sh, -c, "curl --retry 5 --retry-connrefused -fsS http://backend:8000/ && exec sleep infinity"]
            depends_on: [api]
          api:
            image: python:3.12
            command: {HTTP} 8000
            expose: ["8000"]
            networks: {{default: {{aliases: [backend]}}}}
        """,
    ),
    "a link with another name": Shape(
        """\
        services:
          app:
            image: redis:7
            command: [sh, -c, "sleep 1; redis-cli -h database ping && exec sleep infinity"]
            links: ["db:database"]
          db: {image: "redis:7"}
        """,
    ),
    "a command that ends": Shape(
        """\
        services:
          init: {image: "python:3.12", command: [python3, -c, "print('migrated')"], restart: on-failure}
        """,
    ),
    "healthy one after the other": Shape(
        f"""\
        services:
          a: {{image: "python:3.12", command: {HTTP} 8000, expose: ["8000"], depends_on: {{b: {{condition: service_healthy}}}}}}
          b:
            image: python:3.12
            command: {HTTP} 8000
            healthcheck: {{test: [CMD, curl, -f, "http://localhost:8000/"], interval: 5s}}
            depends_on: {{c: {{condition: service_healthy}}}}
          c: {{image: "redis:7", healthcheck: {{test: [CMD, redis-cli, ping], interval: 5s}}}}
        """,
    ),
    "an anonymous volume of another user": Shape(
        """\
        services:
          app:
            image: acme/user-server:1
            user: "1000"
            command: [sh, -c, "touch /srv/cache/x && exec sleep infinity"]
            volumes: [/srv/cache]
        """,
        works=False,
    ),
    "Grafana on task storage": Shape(
        """\
        services:
          grafana: {image: "grafana/grafana:11.0.0", ports: ["3000:3000"], volumes: ["data:/var/lib/grafana"]}
        volumes: {data: {x-fargate: {ephemeral: true}}}
        """,
        questions=(("grafana", "curl -fsS http://localhost:3000/"),),
    ),
    "Grafana on EFS": Shape(
        """\
        services:
          grafana: {image: "grafana/grafana:11.0.0", ports: ["3000:3000"], volumes: ["data:/var/lib/grafana"]}
        volumes: {data: {}}
        """,
        questions=(("grafana", "curl -fsS http://localhost:3000/"),),
    ),
    "a server that binds to the image's HOSTNAME": Shape(
        """\
        services:
          web:
            build: .
            expose: ["3000"]
            healthcheck: {test: [CMD, curl, -f, "http://localhost:3000/"], interval: 5s, retries: 2}
        """,
        {
            "Dockerfile": "FROM python:3.12\nENV HOSTNAME=0.0.0.0\n"
            'CMD ["sh", "-c", "exec python3 -m http.server --bind $HOSTNAME 3000"]\n'
        },
    ),
    "nginx asks Docker's resolver": Shape(
        f"""\
        services:
          nginx:
            image: nginx:alpine
            ports: ["8096:80"]
            volumes: ["./n.conf:/etc/nginx/conf.d/default.conf:ro"]
            depends_on: [api]
          api: {{image: "python:3.12", command: {HTTP} 7000, expose: ["7000"]}}
        """,
        {"n.conf": "server { listen 80; resolver 127.0.0.11; location / { set $u http://api:7000; proxy_pass $u; } }\n"},
        (("nginx", "curl -fsS http://localhost/"),),
    ),
    "a health check that logs in": Shape(
        """\
        services:
          web:
            image: python:3.12
            command: [python3, /app/app.py]
            volumes: ["./app.py:/app/app.py:ro"]
            ports: ["8097:8000"]
            healthcheck: {test: [CMD, curl, -fsS, -u, "u:p", "http://localhost:8000/status"], interval: 5s}
        """,
        {"app.py": LOGIN},
        (("web", "curl -fsS -u u:p http://localhost:8000/status"),),
    ),
}  # fmt: skip
