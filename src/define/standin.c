#include "core/compat.h"
#include "define/pipeline.h"
#include "define/model.h"
#include "catalog/sql.h"
#include "catalog/spec.h"
#include "catalog/run.h"
#include "core/uuid.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
const char *define_env(void) { return "prod"; }
Definition *pipeline_to_change(const char *pipeline, const char *env)
{
	Definition *definition = definition_get(DEFINITION_PIPELINE, "", pipeline, env);
	definition_check_right(definition->owner, "pipeline", pipeline);
	return definition;
}
PG_FUNCTION_INFO_V1(dataops__create_pipeline);
Datum dataops__create_pipeline(PG_FUNCTION_ARGS)
{
	definition_put(DEFINITION_PIPELINE, "", text_to_cstring(PG_GETARG_TEXT_PP(0)), "prod", PG_GETARG_JSONB_P(1), GetUserId());
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}
PG_FUNCTION_INFO_V1(dataops__add_step);
Datum dataops__add_step(PG_FUNCTION_ARGS)
{
	Definition *pipeline = pipeline_to_change(text_to_cstring(PG_GETARG_TEXT_PP(0)), "prod");
	Jsonb *spec = PG_GETARG_JSONB_P(2);
	char *name = PG_ARGISNULL(1) ? spec_text_required(spec, "target", "a step") : text_to_cstring(PG_GETARG_TEXT_PP(1));
	spec = model_define(pipeline, name, spec, "prod");
	definition_put(DEFINITION_STEP, pipeline->object, name, "prod", spec, pipeline->owner);
	PG_RETURN_TEXT_P(cstring_to_text(name));
}
