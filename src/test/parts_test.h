/*
 * parts_test.h
 *	  An encoder for tests of values that cannot be written.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_PARTS_TEST_H
#define DATAOPS_PARTS_TEST_H

#include "postgres.h"

#include "format/row_encoder.h"

/* As NDJSON, but integers refuse the value 13. */
extern void parts_choose_but_13(ColumnEncoder *column, Form_pg_attribute attribute);

#endif
