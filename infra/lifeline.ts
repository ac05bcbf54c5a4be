// Loaded before the programs that infra/run.mjs starts. They live in a process group of their own, so a `kill -9` of
// the launcher's group does not reach them; when the launcher is gone, this ends them the same way, without a drain.

process.on("disconnect", () => process.kill(process.pid, "SIGKILL"))
// The line alone keeps no program alive.
process.channel?.unref()
