#!/bin/sh
exec /usr/local/bin/grafana
