/*
 * base64.c
 *	  The server's base64, in the forms that others use.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/base64.h"

#include "core/compat.h"
#include "core/crypto.h"
#include "utils/memutils.h"

void
base64_append_url(StringInfo target, const void *bytes, size_t length)
{
	char	   *text = compat_base64(bytes, length);

	for (char *at = text; *at != '\0' && *at != '='; at++)
		appendStringInfoChar(target, *at == '+' ? '-' : *at == '/' ? '_' : *at);
	pfree(text);
}

/*
 * The usual alphabet, without white space and with the padding that the server insists on. NULL for
 * padding elsewhere, which the server lets pass.
 */
static char *
usual_form(MemoryContext owner, const char *text, int *length)
{
	size_t		size = strlen(text) + 4;
	char	   *usual = MemoryContextAlloc(owner, size);
	int			used = 0;

	crypto_wipe_with(owner, usual, size);
	for (const char *at = text; *at != '\0'; at++)
		if (strchr(" \t\r\n", *at) == NULL)
			usual[used++] = *at == '-' ? '+' : *at == '_' ? '/' : *at;
	while (used > 0 && usual[used - 1] == '=')
		used--;
	if (memchr(usual, '=', used) != NULL)
		return NULL;
	while (used % 4 != 0)
		usual[used++] = '=';
	usual[used] = '\0';
	*length = used;
	return usual;
}

char *
base64_open(MemoryContext owner, const char *text, size_t *length)
{
	int			used;
	char	   *usual;
	char	   *bytes;
	int			opened;

	if (strlen(text) > MaxAllocSize / 2)
		return NULL;
	usual = usual_form(owner, text, &used);
	if (usual == NULL)
		return NULL;
	bytes = MemoryContextAllocZero(owner, used + 1);
	crypto_wipe_with(owner, bytes, used + 1);
	/* characters in 15 to 17, bytes from 18 on */
	opened = pg_b64_decode(usual, used, (void *) bytes, used);
	*length = Max(opened, 0);
	bytes[*length] = '\0';
	return opened < 0 ? NULL : bytes;
}
