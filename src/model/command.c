/*
 * command.c
 *	  The user's commands as they are written, through SPI: several, each seeing what the former
 *	  did, none able to end the step's transaction.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "model/command.h"

#include "executor/spi.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "utils/snapmgr.h"

#include "model/execute.h"

void
command_check(const char *text)
{
	ErrorText	place;
	List	   *statements;
	ListCell   *cell;

	error_text_push(&place, text);
	statements = raw_parser(text, RAW_PARSE_DEFAULT);
	if (statements == NIL)
		ereport(ERROR, errcode(ERRCODE_SYNTAX_ERROR), errmsg("the command is empty"));
	foreach(cell, statements)
	{
		RawStmt    *statement = lfirst_node(RawStmt, cell);
		CopyStmt   *copy = (CopyStmt *) statement->stmt;

		if (IsA(statement->stmt, TransactionStmt))
			ereport(ERROR,
					errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					errmsg("a step cannot begin or end a transaction"),
					errhint("The run commits each step by itself, together with its record."),
					error_location(text, statement->stmt_location));
		if (IsA(copy, CopyStmt) && copy->filename == NULL)
			ereport(ERROR,
					errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					errmsg("a step has no client to COPY with"),
					error_location(text, statement->stmt_location));
	}
	error_text_pop(&place);
}

uint64
command_run(const char *text)
{
	uint64		rows;
	int			code;

	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	code = SPI_execute(text, false, 0);
	if (code == SPI_ERROR_TRANSACTION || code == SPI_ERROR_COPY)
		command_check(text);
	if (code < 0)
		elog(ERROR, "could not run the command: %s", SPI_result_code_string(code));
	rows = SPI_processed;
	PopActiveSnapshot();
	SPI_finish();
	return rows;
}
