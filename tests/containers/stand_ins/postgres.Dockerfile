FROM vrijloop-stand-in:base
# Without a cluster of Debian's own.
RUN groupadd --gid 999 postgres && useradd --uid 999 --gid 999 --home-dir /var/lib/postgresql postgres \
 && apt-get install -y --no-install-recommends postgresql-common && printf 'create_main_cluster = false\n' >>/etc/postgresql-common/createcluster.conf \
 && apt-get install -y --no-install-recommends postgresql && install -d -o 999 -g 999 -m 0700 /var/lib/postgresql/data \
 && ln -s /usr/lib/postgresql/*/bin /usr/local/postgresql
ENV PATH=/usr/local/postgresql:$PATH PGDATA=/var/lib/postgresql/data
COPY postgres.sh /usr/local/bin/docker-entrypoint.sh
VOLUME /var/lib/postgresql/data
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["postgres"]
STOPSIGNAL SIGINT
