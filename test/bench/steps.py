"""What the engine itself costs for each step of a run."""
from harness import Goals, Variant, measure_variants, median, table

STEPS = 50
GOAL_MS = 1.0       # for each step inside a live run


def define(bench, pipeline, count):
    steps = "\n".join(
        f"SELECT dataops.add_sql('{pipeline}', 'step_{number}', 'SELECT 1'"
        + (f", after => '{{step_{number - 1}}}');" if number > 1 else ");")
        for number in range(1, count + 1))
    bench.sql(f"BEGIN; SELECT dataops.create_pipeline('{pipeline}'); {steps} COMMIT;")


def variant(bench, label, pipeline, count):
    def after(number):
        bench.expect(f"""SELECT count(*) FROM dataops.step_runs
                         WHERE pipeline = '{pipeline}' AND state = 'succeeded';""", count * (number + 1))
    return Variant(label, f"CALL dataops.run('{pipeline}');", after=after)


def run(bench):
    bench.sql("CREATE TABLE lab.committed (number integer);")
    define(bench, "one_step", 1)
    define(bench, "many_steps", STEPS)
    results = measure_variants(bench, "Steps of a run", [
        variant(bench, "one step", "one_step", 1),
        variant(bench, f"{STEPS} steps", "many_steps", STEPS),
        Variant(f"{STEPS} commits", "INSERT INTO lab.committed VALUES (1);\n" * STEPS),
    ])
    each = [(many["seconds"] - one["seconds"]) * 1000 / (STEPS - 1)
            for one, many in zip(results["one step"], results[f"{STEPS} steps"])]
    cpu = [(many["backend_cpu"] - one["backend_cpu"]) * 1000 / (STEPS - 1)
           for one, many in zip(results["one step"], results[f"{STEPS} steps"])]
    each.sort()
    cpu.sort()
    commits = [result["seconds"] * 1000 / STEPS for result in results[f"{STEPS} commits"]]
    goals = Goals()
    rows = [["one INSERT by hand, a durable commit", f"{sorted(commits)[len(commits) // 2]:.2f}",
             f"{min(commits):.2f}–{max(commits):.2f}", ""],
            ["a run of one step, whole", f"{median(results['one step']) * 1000:.1f}", "", ""],
            ["each further step", goals.against("each further step", each[len(each) // 2], GOAL_MS), f"{each[0]:.2f}–{each[-1]:.2f}",
             f"{cpu[len(cpu) // 2]:.2f}"]]
    return f"## Steps\n\n{TEXT}\n\n{table(['', 'ms (goal)', 'min–max', 'backend CPU ms'], rows, goals)}"


TEXT = f"""A pipeline of {STEPS} steps that do `SELECT 1`, one after the other, against one of a single step: ledger, claim,
subtransaction and the commits of a step, which wait for the disk as the INSERT does."""
