FROM vrijloop-stand-in:base
RUN groupadd --gid 101 nginx-stand-in && useradd --uid 101 --gid 101 --no-create-home nginx \
 && apt-get install -y --no-install-recommends nginx-light netcat-openbsd
COPY exec.sh /docker-entrypoint.sh
USER 101
ENTRYPOINT ["/docker-entrypoint.sh"]
CMD ["nginx", "-g", "daemon off;"]
STOPSIGNAL SIGQUIT
