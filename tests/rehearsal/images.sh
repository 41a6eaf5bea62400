#!/usr/bin/env bash
# Makes images with the names that projects use, from Debian's packages, for an engine that can pull none.
# The root file system is kept in FOLDER; what is there already is not made again.
# usage: images.sh FOLDER
set -euo pipefail
home=$(mkdir -p "$1" && cd "$1" && pwd)
base=rehearsal-test-base:bookworm
revision=12 # of what is below: a higher one makes the images again
fail() {
  echo "no test images: $1" >&2
  exit 1
}
[[ $(docker image inspect --format '{{.Config.Labels.revision}}' rehearsal-test-marker 2>/dev/null) == "$revision" ]] && exit 0
[[ $(id -u) == 0 ]] || fail 'not root'
packages=nginx-light,curl,redis-server,postgresql-15,php-fpm,python3,python3-redis,python3-psycopg2,busybox-static
packages+=,haproxy,dnsmasq-base,iproute2,nftables,procps
if ! [[ -f $home/complete ]]; then
  command -v debootstrap >/dev/null || {
    { DEBIAN_FRONTEND=noninteractive apt-get -qq update && apt-get install -qq -y --no-install-recommends debootstrap; } >"$home/install.log" 2>&1 ||
      fail 'debootstrap cannot be installed'
  }
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m1 '/debian/\?$') || fail 'no Debian source'
  rm -rf "$home/rootfs"
  timeout 500 debootstrap --variant=minbase --include="$packages" bookworm "$home/rootfs" "$mirror" >"$home/debootstrap.log" 2>&1 ||
    fail "$(tail -1 "$home/debootstrap.log")"
  touch "$home/complete"
fi
docker image inspect "$base" >/dev/null 2>&1 || tar -C "$home/rootfs" -c --exclude=./var/cache/apt --exclude=./var/lib/apt/lists \
  --exclude=./usr/share/doc --exclude=./usr/share/locale . | docker import - "$base" >/dev/null

# Each image: its names, and a Dockerfile from stdin.
make() {
  local context
  context=$(mktemp -d)
  cat >"$context/Dockerfile"
  cp "$home/rootfs/bin/busybox" "$context/"
  docker build --network none --quiet "${@/#/--tag=}" "$context" >>"$home/build.log" 2>&1 || fail "$1: $(tail -3 "$home/build.log")"
  rm -rf "$context"
}

make nginx:1.27 nginx:1.27-alpine nginx:alpine nginx:latest nginx nginx:stable <<'D'
FROM rehearsal-test-base:bookworm
RUN rm -rf /etc/nginx/sites-* /etc/nginx/conf.d/* /usr/bin/psql && ln -sf busybox /usr/bin/wget && mkdir -p /usr/share/nginx/html && \
    echo welcome >/usr/share/nginx/html/index.html && \
    printf '%s\n' 'server { listen 80; listen [::]:80; server_name localhost; location / { root /usr/share/nginx/html; index index.html; } }' >/etc/nginx/conf.d/default.conf && \
    printf '%s\n' 'user www-data;' 'worker_processes 1;' 'pid /run/nginx.pid;' 'error_log /dev/stderr notice;' \
      'events { worker_connections 512; }' \
      'http { include /etc/nginx/mime.types; access_log /dev/stdout; include /etc/nginx/conf.d/*.conf; }' >/etc/nginx/nginx.conf
EXPOSE 80
STOPSIGNAL SIGQUIT
CMD ["nginx", "-g", "daemon off;"]
D
make postgres:16 postgres:16-alpine postgres:15 postgres:latest postgres <<'D'
FROM rehearsal-test-base:bookworm
ENV PGDATA=/var/lib/postgresql/data PATH=/usr/local/bin:/usr/lib/postgresql/15/bin:/usr/sbin:/usr/bin:/sbin:/bin
RUN printf '%s\n' '#!/bin/bash' 'set -e' 'mkdir -p "$PGDATA"' 'chmod 0700 "$PGDATA"' \
      'if [ "$(id -u)" = 0 ]; then chown -R postgres "$PGDATA"; exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"; fi' \
      'if [ "$1" = postgres ] && ! [ -s "$PGDATA/PG_VERSION" ]; then' \
      '  [ -n "$POSTGRES_PASSWORD$POSTGRES_HOST_AUTH_METHOD" ] || { echo "Error: superuser password is not specified" >&2; exit 1; }' \
      '  initdb -D "$PGDATA" -U "${POSTGRES_USER:-postgres}" --pwfile=<(echo "$POSTGRES_PASSWORD") --auth-host=scram-sha-256 --auth-local=trust >/dev/null' \
      '  echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"' \
      '  pg_ctl -D "$PGDATA" -o "-c listen_addresses= -c unix_socket_directories=/tmp" -w start >/dev/null' \
      '  db=${POSTGRES_DB:-${POSTGRES_USER:-postgres}}; [ "$db" = postgres ] || createdb -h /tmp -U "${POSTGRES_USER:-postgres}" "$db"' \
      '  pg_ctl -D "$PGDATA" -m fast -w stop >/dev/null' 'fi' \
      'if [ "$1" = postgres ]; then shift; exec postgres -c listen_addresses=* -c unix_socket_directories=/var/run/postgresql "$@"; fi' 'exec "$@"' \
      >/usr/local/bin/docker-entrypoint.sh && chmod 0755 /usr/local/bin/docker-entrypoint.sh && \
    rm -rf /var/lib/postgresql/15 && mkdir -p "$PGDATA" /var/run/postgresql && chown -R postgres "$PGDATA" /var/run/postgresql && chmod 1777 "$PGDATA"
VOLUME /var/lib/postgresql/data
EXPOSE 5432
STOPSIGNAL SIGINT
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["postgres"]
D
make redis:7 redis:7-alpine redis:latest redis valkey/valkey:8 <<'D'
FROM rehearsal-test-base:bookworm
RUN mkdir -p /data && chown redis:redis /data
WORKDIR /data
VOLUME /data
EXPOSE 6379
CMD ["redis-server", "--protected-mode", "no", "--save", ""]
D
make php:8.3-fpm php:8.3-fpm-alpine <<'D'
FROM rehearsal-test-base:bookworm
RUN sed -i 's|^listen = .*|listen = 9000|; s|^;*clear_env.*|clear_env = no|' /etc/php/8.2/fpm/pool.d/www.conf && \
    sed -i 's|^error_log.*|error_log = /dev/stderr|' /etc/php/8.2/fpm/php-fpm.conf && mkdir -p /var/www/html && ln -s /usr/sbin/php-fpm8.2 /usr/local/bin/php-fpm
WORKDIR /var/www/html
EXPOSE 9000
STOPSIGNAL SIGQUIT
CMD ["php-fpm", "-F"]
D
make python:3.12 python:3.12-full <<'D'
FROM rehearsal-test-base:bookworm
RUN ln -sf python3 /usr/bin/python
ENV PYTHONUNBUFFERED=1
CMD ["python3"]
D
make python:3.12-slim python:3.12-alpine <<'D'
FROM python:3.12
RUN rm -f /usr/bin/curl /usr/bin/wget
D
make busybox:stable busybox:latest busybox alpine:3 alpine:latest alpine:3.20 alpine public.ecr.aws/docker/library/busybox:stable <<'D'
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "sh", "-c", "/bin/busybox --install -s /bin && mkdir -p /tmp /etc /root /var/www && chmod 1777 /tmp && echo root:x:0:0:root:/root:/bin/sh >/etc/passwd && echo root:x:0: >/etc/group"]
CMD ["sh"]
D
make node:22 node:22-alpine <<'D'
FROM rehearsal-test-base:bookworm
CMD ["sleep", "infinity"]
D
make grafana/grafana:11.0.0 <<'D'
FROM rehearsal-test-base:bookworm
RUN useradd -u 472 grafana && mkdir -p /var/lib/grafana && chown 472 /var/lib/grafana && \
    printf '%s\n' '#!/bin/sh' 'set -e' 'touch /var/lib/grafana/grafana.db' 'cd /var/lib/grafana' 'exec python3 -m http.server 3000' >/run.sh && chmod 0755 /run.sh
USER 472
EXPOSE 3000
ENTRYPOINT ["/run.sh"]
D
make acme/checks-itself:1 <<'D'
FROM python:3.12
HEALTHCHECK --interval=1s --retries=1 CMD false
D
make acme/distroless:1 <<'D'
FROM scratch
COPY busybox /busybox
EXPOSE 8080
ENTRYPOINT ["/busybox", "httpd", "-f", "-p", "8080"]
D
make acme/user-server:1 <<'D'
FROM rehearsal-test-base:bookworm
RUN useradd -u 1000 app && mkdir -p /srv/www && echo hello >/srv/www/index.html
WORKDIR /srv/www
CMD ["python3", "-m", "http.server", "8000"]
D
docker build --network none --quiet --build-arg BASE="$base" --tag rehearsal-test-helper:1 "$(dirname "$0")/../../compose2fargate/rehearsal/helper" >>"$home/build.log" 2>&1 ||
  fail "the helper image: $(tail -3 "$home/build.log")"
make rehearsal-test-marker <<D
FROM scratch
COPY busybox /busybox
LABEL revision=$revision
D
