/*
 * jsonb_text.h
 *	  The text of jsonb, straight from its bytes.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_JSONB_TEXT_H
#define DATAOPS_JSONB_TEXT_H

#include "postgres.h"

#include "lib/stringinfo.h"

/* As jsonb_out() writes it. */
extern void jsonb_append_text(StringInfo out, Datum value);

#endif
