// Processes that execute the tasks of tasks.mjs.
import { once } from "node:events";
import { start } from "../../.ci/processes.mjs";

export class Workers {
  #env;
  #children = [];
  #problems = [];
  kills = 0;

  constructor(address, secret) {
    this.#env = { TRIGGER_API_URL: address, TRIGGER_SECRET_KEY: secret, TRIGGER_RUN_METADATA_FLUSH_INTERVAL: "50" };
  }

  /** Resolves when so many are connected. */
  async start(count) {
    for (let n = 0; n < count; n++) this.#children.push(this.#spawn());
    await Promise.all(this.#children.map((child) => once(child.stdout, "data")));
  }

  /** Kills some of them, each of which another one takes the place of at once. */
  kill(isChosen) {
    for (const [at, child] of this.#children.entries()) {
      if (!isChosen(at)) continue;
      this.#children[at] = this.#spawn();
      child.isWanted = false;
      child.kill("SIGKILL");
      this.kills += 1;
    }
  }

  end() {
    for (const child of this.#children.splice(0)) {
      child.isWanted = false;
      child.kill("SIGKILL");
    }
  }

  /** A worker that ends by itself is one that has failed. */
  check() {
    return this.#problems.splice(0);
  }

  #spawn() {
    const child = start(process.execPath, ["tests/crash/tasks.mjs"], {
      env: this.#env,
      stdio: ["ignore", "pipe", "inherit"],
    });
    child.isWanted = true;
    child.once("close", (code) => child.isWanted && this.#problems.push(`a worker ended with code ${code}`));
    return child;
  }
}
