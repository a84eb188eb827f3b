// The reference: target/docs/index.html, of the packages' docstrings by TypeDoc and of the crates' by rustdoc.
//   node .ci/docs.mjs [--check]     --check only looks at the packages' docstrings and pages: what is exported and not documented,
//                                   links that lead nowhere
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const reference = join(root, "docs/reference");
const target = join(root, "target/docs");
const typedoc = join(reference, "node_modules/typedoc/bin/typedoc");

function run(program, parameters, cwd = root) {
  try {
    execFileSync(program, parameters, { cwd, stdio: "inherit" });
  } catch (error) {
    process.exit(error.status || 1);
  }
}

if (!existsSync(typedoc)) {
  console.error("TypeDoc is missing: run make setup");
  process.exit(1);
}
if (process.argv.includes("--check")) {
  run(process.execPath, [typedoc, "--emit", "none"], reference);
} else {
  rmSync(target, { recursive: true, force: true });
  run(process.execPath, [typedoc], reference);
  run("cargo", ["doc", "--workspace", "--no-deps", "--quiet"]);
  cpSync(resolve(root, process.env.CARGO_TARGET_DIR ?? "target", "doc"), join(target, "rust"), { recursive: true });
  mkdirSync(target, { recursive: true });
  const links = [
    ["js/index.html", "The npm package"],
    ["rust/tidegate/index.html", "The core"],
    ["rust/tidegate_dev_server/index.html", "The development server"],
  ];
  const items = links.map(([href, text]) => `<li><a href="${href}">${text}</a></li>`).join("");
  const page = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Tidegate</title><h1>Tidegate</h1><ul>${items}</ul></html>\n`;
  writeFileSync(join(target, "index.html"), page);
  for (const [href] of links) {
    if (!existsSync(join(target, href))) throw new Error(`${href} has not been made`);
  }
  console.log(`Open ${join(target, "index.html")}`);
}
