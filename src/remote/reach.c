/*
 * reach.c
 *	  Policy and limits of a connection's requests.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "remote/reach.h"

#include "catalog/option.h"

#define DEFAULT_CONNECTIONS	4

static GateRange *
read_ranges(List *texts, int *count)
{
	GateRange  *ranges = palloc(sizeof(GateRange) * (list_length(texts) + 1));
	ListCell   *cell;

	*count = 0;
	foreach(cell, texts)
		if (gate_range_parse(lfirst(cell), &ranges[*count]))
			(*count)++;
		else
			ereport(ERROR,
					errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("\"%s\" is not a range of addresses", (char *) lfirst(cell)));
	return ranges;
}

static const char **
read_hosts(List *texts, int *count)
{
	const char **hosts = palloc(sizeof(char *) * (list_length(texts) + 1));
	ListCell   *cell;

	*count = 0;
	foreach(cell, texts)
		hosts[(*count)++] = pstrdup(lfirst(cell));
	return hosts;
}

GatePolicy
reach_gate(const Connection *connection)
{
	const ConnectionReach *reach = &connection->reach;
	GatePolicy	gate = {.allow_http = reach->plain_http};

	gate.hosts = read_hosts(reach->hosts, &gate.nhosts);
	gate.ranges = read_ranges(reach->ranges, &gate.nranges);
	gate.limit_hosts = read_hosts(reach->limit_hosts, &gate.nlimit_hosts);
	gate.limit_ranges = read_ranges(reach->limit_ranges, &gate.nlimit_ranges);
	return gate;
}

PoolOptions
reach_pool_options(const Connection *connection, const GatePolicy *gate)
{
	List	   *options = connection->options;

	return (PoolOptions) {
		.gate = gate,
		.connections = option_count(options, "concurrency", DEFAULT_CONNECTIONS),
		.limits = {
			.total_ms = option_ms(options, "timeout", 0),
			.connect_ms = option_ms(options, "connect_timeout", 0),
			.max_body_bytes = option_bytes(options, "max_body", 0),
		},
		.ca_bundle = option_text(options, "ca", NULL)
	};
}
