/*
 * option.c
 *	  The options of each foreign-data wrapper, and the validators that CREATE and ALTER SERVER,
 *	  USER MAPPING and FOREIGN DATA WRAPPER call.
 *
 * A user mapping holds a reference to a secret, never the secret: statements stand in the clear in
 * the log, in pg_stat_statements and in dumps.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "catalog/option.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <sys/socket.h>

#include "access/reloptions.h"
#include "catalog/pg_foreign_data_wrapper.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "core/compat.h"
#include "core/error.h"
#include "core/guc.h"
#include "core/url.h"

typedef void (*OptionCheck) (const char *name, const char *value);

typedef struct OptionRule
{
	const char *name;
	OptionCheck check;
} OptionRule;

typedef struct WrapperRules
{
	const char *wrapper;
	const OptionRule *server;
	int			nserver;
	const char *required[2];	/* server options; NULL behind the last */
	bool		has_mapping;
} WrapperRules;

/* ---- reading ---- */

const char *
option_text(List *options, const char *name, const char *missing)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *option = lfirst_node(DefElem, cell);

		if (strcmp(option->defname, name) == 0)
			return defGetString(option);
	}
	return missing;
}

static bool
unit_parse(const char *value, int flags, int *result)
{
	return parse_int(value, result, flags, NULL) && *result > 0;
}

int64
option_bytes(List *options, const char *name, int64 missing)
{
	const char *value = option_text(options, name, NULL);
	int			result;

	return value != NULL && unit_parse(value, GUC_UNIT_BYTE, &result) ? result : missing;
}

int
option_ms(List *options, const char *name, int missing)
{
	const char *value = option_text(options, name, NULL);
	int			result;

	return value != NULL && unit_parse(value, GUC_UNIT_MS, &result) ? result : missing;
}

int
option_count(List *options, const char *name, int missing)
{
	const char *value = option_text(options, name, NULL);
	int			result;

	return value != NULL && unit_parse(value, 0, &result) ? result : missing;
}

bool
option_rate_parse(const char *text, double *count, int *period_ms)
{
	static const struct
	{
		const char *unit;
		int			ms;
	}			units[] = {{"s", 1000}, {"min", 60000}, {"h", 3600000}};
	char	   *rest;

	*count = strtod(text, &rest);
	while (isspace((unsigned char) *rest))
		rest++;
	if (rest == text || *count <= 0 || *count > 1e6 || *rest++ != '/')
		return false;
	while (isspace((unsigned char) *rest))
		rest++;
	for (int i = 0; i < lengthof(units); i++)
		if (strcmp(rest, units[i].unit) == 0)
		{
			*period_ms = units[i].ms;
			return true;
		}
	return false;
}

/* ---- checking ---- */

pg_noreturn static void refuse_value(const char *name, const char *value, const char *wanted);

static void
refuse_value(const char *name, const char *value, const char *wanted)
{
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("invalid value \"%s\" for option \"%s\"", error_clean(value, strlen(value), 200),
				   name),
			errhint("It must be %s.", wanted));
}

static void
check_url(const char *name, const char *value)
{
	Url			url;
	const char *problem;

	if (!url_parse(value, &url, &problem))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("invalid url of a connection"),
				errdetail("The value is not usable: %s.", problem),
				errhint("It must look like https://api.example.com/v1."),
				errhidestmt(true));
	if (url.query != NULL)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("the url of a connection cannot have a query"),
				errhint("Give parameters to the source, and secrets to a user mapping."),
				errhidestmt(true));
}

static void
check_choice(const char *name, const char *value, const char *const *values, int nvalues)
{
	for (int i = 0; i < nvalues; i++)
		if (strcmp(value, values[i]) == 0)
			return;
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("unknown value \"%s\" for option \"%s\"", error_clean(value, strlen(value), 100),
				   name),
			errhint("Known values are %s.", values_list(values, nvalues)));
}

static void
check_auth(const char *name, const char *value)
{
	static const char *const values[] = {"none", "bearer", "basic", "api_key"};

	check_choice(name, value, values, lengthof(values));
}

static void
check_auth_in(const char *name, const char *value)
{
	static const char *const values[] = {"header", "query"};

	check_choice(name, value, values, lengthof(values));
}

/* A token of RFC 9110: what a header field's name is made of; also safe as a query parameter. */
static void
check_token(const char *name, const char *value)
{
	for (const char *at = value; *at != '\0'; at++)
		if (!isalnum((unsigned char) *at) && strchr("!#$%&'*+-.^_`|~", *at) == NULL)
			refuse_value(name, value, "letters, digits, - and _");
	if (*value == '\0' || strlen(value) > 100)
		refuse_value(name, value, "a name of 1 to 100 characters");
}

static void
check_printable(const char *name, const char *value)
{
	for (const char *at = value; *at != '\0'; at++)
		if ((unsigned char) *at < ' ' || *at == 0x7f)
			refuse_value(name, value, "text without control characters");
}

static void
check_auth_format(const char *name, const char *value)
{
	check_printable(name, value);
	if (strstr(value, "{secret}") == NULL)
		refuse_value(name, value, "a text with {secret} in it, as: Bearer {secret}");
}

static void
check_bytes(const char *name, const char *value)
{
	int			result;

	if (!unit_parse(value, GUC_UNIT_BYTE, &result))
		refuse_value(name, value, "a size up to 2047MB, as 64MB");
}

static void
check_size(const char *name, const char *value)
{
	size_t		length = strlen(value);

	if (length == 0 || length > 18 || strspn(value, "0123456789") != length)
		refuse_value(name, value, "a number of bytes");
}

static void
check_ms(const char *name, const char *value)
{
	int			result;

	if (!unit_parse(value, GUC_UNIT_MS, &result))
		refuse_value(name, value, "a time, as 30s or 500ms");
}

/* BigQuery ends a job after six hours itself. */
static void
check_job_timeout(const char *name, const char *value)
{
	int			result;

	if (!unit_parse(value, GUC_UNIT_MS, &result) || result < 1000 || result > 6 * 60 * 60 * 1000)
		refuse_value(name, value, "a time from 1s to 6h, as 30min");
}

static void
check_numeric_type(const char *name, const char *value)
{
	if (pg_strcasecmp(value, "BIGNUMERIC") != 0 && pg_strcasecmp(value, "STRING") != 0)
		refuse_value(name, value, "BIGNUMERIC or STRING");
}

static void
check_concurrency(const char *name, const char *value)
{
	int			result;

	if (!unit_parse(value, 0, &result) || result > 256)
		refuse_value(name, value, "a number from 1 to 256");
}

static void
check_rate(const char *name, const char *value)
{
	double		count;
	int			period_ms;

	if (!option_rate_parse(value, &count, &period_ms))
		refuse_value(name, value, "a number of requests per s, min or h, as 10/s");
}

void
option_check_ranges(const char *name, const char *value)
{
	ListCell   *cell;
	List	   *ranges = guc_list(value);

	foreach(cell, ranges)
	{
		char	   *range = lfirst(cell);
		char	   *slash = strchr(range, '/');
		size_t		length = slash != NULL ? (size_t) (slash - range) : strlen(range);
		uint8		address[16];
		char	   *text = pnstrdup(range, length);
		bool		v6 = strchr(text, ':') != NULL;

		if (inet_pton(v6 ? AF_INET6 : AF_INET, text, address) != 1 ||
			(slash != NULL && (strspn(slash + 1, "0123456789") != strlen(slash + 1) ||
							   slash[1] == '\0' || atoi(slash + 1) > (v6 ? 128 : 32))))
			refuse_value(name, range, "addresses and ranges, as 10.1.0.0/16, fd00::/8");
	}
	if (ranges == NIL)
		refuse_value(name, value, "addresses and ranges, as 10.1.0.0/16, fd00::/8");
}

static void
check_certificate(const char *name, const char *value)
{
	if (strstr(value, "-----BEGIN CERTIFICATE-----") == NULL ||
		strstr(value, "-----END CERTIFICATE-----") == NULL || strstr(value, "PRIVATE KEY") != NULL)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("option \"%s\" must hold certificates in PEM form, and no private key",
					   name),
				errhidestmt(true));
}

static void
check_prefix(const char *name, const char *value)
{
	if (strlen(value) > 500 || value[0] == '/' || strstr(value, "..") != NULL ||
		strstr(value, "//") != NULL || strchr(value, '\\') != NULL)
		refuse_value(name, value, "a relative path without \"..\"");
	check_printable(name, value);
}

/* env:NAME, file:/path, secret:NAME or metadata. */
static void
check_reference(const char *name, const char *value)
{
	const char *target = strchr(value, ':');
	bool		known = strcmp(value, "metadata") == 0;

	if (target++ != NULL)
		known = (strncmp(value, "env:", 4) == 0 || strncmp(value, "file:/", 6) == 0 ||
				 strncmp(value, "secret:", 7) == 0) &&
			*target != '\0' && strlen(target) <= 500 &&
			strspn(target, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./") ==
			strlen(target);
	if (!known)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("option \"%s\" must be a reference to a secret, never the secret itself",
					   name),
				errdetail("A statement stands in the clear in the server's log, in statistics and "
						  "in dumps."),
				errhint("Use 'env:NAME', 'file:/path' or 'secret:NAME' (see "
						"dataops.set_secret())."),
				errhidestmt(true));
}

/* A bucket of Google Cloud Storage ("Bucket naming guidelines"). */
static void
check_bucket(const char *name, const char *value)
{
	size_t		length = strlen(value);

	if (length < 3 || length > 222 || !isalnum((unsigned char) value[0]) ||
		!isalnum((unsigned char) value[length - 1]) ||
		strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != length)
		refuse_value(name, value, "a bucket's name, as acme-raw");
}

/* A project, or "domain.com:project"; a location. */
static void
check_project(const char *name, const char *value)
{
	size_t		length = strlen(value);

	if (length == 0 || length > 100 ||
		strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.:") !=
		length)
		refuse_value(name, value, "letters, digits and -");
}

static void
check_dataset(const char *name, const char *value)
{
	size_t		length = strlen(value);

	if (length == 0 || length > 1024 ||
		strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") != length)
		refuse_value(name, value, "letters, digits and _");
}

static void
check_identifier(const char *name, const char *value)
{
	if (*value == '\0' || strlen(value) >= NAMEDATALEN)
		refuse_value(name, value, "a name of 1 to 63 bytes");
	check_printable(name, value);
}

/* ---- the validators ---- */

static const OptionRule http_server[] = {
	{"url", check_url}, {"auth", check_auth}, {"auth_header", check_token},
	{"auth_format", check_auth_format}, {"auth_in", check_auth_in}, {"auth_param", check_token},
	{"user", check_printable}, {"max_body", check_bytes}, {"timeout", check_ms},
	{"connect_timeout", check_ms}, {"concurrency", check_concurrency}, {"rate", check_rate},
	{"allow_addresses", option_check_ranges}, {"ca", check_certificate}
};

static const OptionRule file_server[] = {
	{"prefix", check_prefix}, {"staging_prefix", check_prefix}
};

static const OptionRule gcs_server[] = {
	{"bucket", check_bucket}, {"prefix", check_prefix}, {"staging_prefix", check_prefix},
	{"auth_server", check_identifier}, {"timeout", check_ms}, {"connect_timeout", check_ms},
	{"allow_addresses", option_check_ranges}
};

static const OptionRule bigquery_server[] = {
	{"project", check_project}, {"dataset", check_dataset}, {"staging_dataset", check_dataset},
	{"location", check_project}, {"auth_server", check_identifier},
	{"maximum_bytes_billed", check_size}, {"job_timeout", check_job_timeout},
	{"numeric_type", check_numeric_type}, {"timeout", check_ms}, {"connect_timeout", check_ms},
	{"allow_addresses", option_check_ranges}
};

static const OptionRule postgres_server[] = {
	{"schema", check_identifier}, {"staging_schema", check_identifier}
};

static const OptionRule mapping[] = {{"credentials", check_reference}};

static const WrapperRules http_rules = {
	"dataops_http", http_server, lengthof(http_server), {"url"}, true
};

static const WrapperRules file_rules = {
	"dataops_file", file_server, lengthof(file_server), {NULL}, false
};

static const WrapperRules gcs_rules = {
	"dataops_gcs", gcs_server, lengthof(gcs_server), {"bucket"}, true
};

static const WrapperRules bigquery_rules = {
	"dataops_bigquery", bigquery_server, lengthof(bigquery_server), {"project", "dataset"}, true
};

static const WrapperRules google_rules = {"dataops_google", NULL, 0, {NULL}, true};

static const WrapperRules postgres_rules = {
	"dataops_postgres", postgres_server, lengthof(postgres_server), {"schema"}, false
};

static void
refuse_option(const WrapperRules *rules, const char *where, const char *name,
			  const OptionRule *known, int nknown)
{
	const char *names[lengthof(http_server)];
	const char *nearest;

	for (int i = 0; i < nknown; i++)
		names[i] = known[i].name;
	nearest = nearest_name(name, names, nknown);
	/* the statement may hold a secret under a misspelt name */
	ereport(ERROR,
			errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
			errmsg("unknown option \"%s\" of a %s of %s", error_clean(name, strlen(name), 100),
				   where,
				   rules->wrapper),
			nearest ? errhint("Perhaps you meant \"%s\".", nearest) :
			nknown == 0 ? errhint("It takes no options.") :
			errhint("See the documentation of connections for the options there are."),
			errhidestmt(true));
}

static void
check_option(const WrapperRules *rules, const char *where, DefElem *option,
			 const OptionRule *known, int nknown)
{
	for (int i = 0; i < nknown; i++)
		if (strcmp(option->defname, known[i].name) == 0)
		{
			known[i].check(option->defname, defGetString(option));
			return;
		}
	refuse_option(rules, where, option->defname, known, nknown);
}

/* What depends on several options of a dataops_http server. */
static void
check_http_together(List *options)
{
	const char *auth = option_text(options, "auth", "none");

	if (strcmp(auth, "basic") == 0 && option_text(options, "user", NULL) == NULL)
		ereport(ERROR,
				errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
				errmsg("option \"user\" is needed with auth 'basic'"));
	if (strcmp(auth, "none") == 0 &&
		(option_text(options, "auth_header", NULL) != NULL ||
		 option_text(options, "auth_format", NULL) != NULL))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("option \"auth\" is missing"),
				errhint("Give auth 'bearer', 'basic' or 'api_key', or leave auth_header and "
						"auth_format out."));
}

static void
validate(const WrapperRules *rules, List *options, Oid catalog)
{
	bool		of_server = catalog == ForeignServerRelationId;
	bool		of_mapping = catalog == UserMappingRelationId;
	const char *where = of_server ? "server" : of_mapping ? "user mapping" :
		catalog == ForeignTableRelationId ? "foreign table" : "wrapper";
	const OptionRule *known = of_server ? rules->server : mapping;
	int			nknown = of_server ? rules->nserver :
		of_mapping && rules->has_mapping ? (int) lengthof(mapping) : 0;
	ListCell   *cell;

	foreach(cell, options)
		check_option(rules, where, lfirst_node(DefElem, cell), known, nknown);
	for (int i = 0; of_server && i < lengthof(rules->required) && rules->required[i] != NULL; i++)
		if (option_text(options, rules->required[i], NULL) == NULL)
			ereport(ERROR,
					errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
					errmsg("option \"%s\" of a server of %s is missing", rules->required[i],
						   rules->wrapper));
	if (of_server && rules == &http_rules)
		check_http_together(options);
	if (of_mapping && rules == &http_rules &&
		strcmp(option_text(options, "credentials", ""), "metadata") == 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("a connection of dataops_http cannot use the machine's own identity"),
				errhint("Use 'env:NAME', 'file:/path' or 'secret:NAME'."));
}

/* The server tells a validator options and catalog, not the wrapper: each has its own. */
#define DEFINE_VALIDATOR(function, rules) \
	PG_FUNCTION_INFO_V1(function); \
	PGDLLEXPORT Datum function(PG_FUNCTION_ARGS); \
	Datum \
	function(PG_FUNCTION_ARGS) \
	{ \
		validate(&rules, untransformRelOptions(PG_GETARG_DATUM(0)), PG_GETARG_OID(1)); \
		PG_RETURN_VOID(); \
	}

DEFINE_VALIDATOR(dataops_http_validator, http_rules)
DEFINE_VALIDATOR(dataops_file_validator, file_rules)
DEFINE_VALIDATOR(dataops_gcs_validator, gcs_rules)
DEFINE_VALIDATOR(dataops_bigquery_validator, bigquery_rules)
DEFINE_VALIDATOR(dataops_google_validator, google_rules)
DEFINE_VALIDATOR(dataops_postgres_validator, postgres_rules)
