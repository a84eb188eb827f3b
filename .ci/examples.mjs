// Every example in the pages, and in what an editor shows of a name, is type-checked as it stands there, against the built package.
// What an example takes for granted is declared in docs/examples.d.ts.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { binary } from "./processes.mjs";

const root = resolve(import.meta.dirname, "..");
const pages = ["README.md", "pkg-template/README.md", "docs/migration.md", "docs/troubleshooting.md"];
const target = join(root, "target/examples");

rmSync(target, { recursive: true, force: true });
mkdirSync(target, { recursive: true });
let count = 0;
function write(page, text) {
  const blocks = [...text.matchAll(/^( *)```(tsx?)\n(.*?)^ *```$/gms)];
  for (const [index, [, indent, language, code]] of blocks.entries()) {
    const name = `${page.replace(/\W+/g, "-")}-${index + 1}.${language}`;
    writeFileSync(join(target, name), `${code.replaceAll(`\n${indent}`, "\n")}\nexport {};\n`);
  }
  count += blocks.length;
  return blocks.length > 0;
}
for (const page of pages) {
  if (!write(page, readFileSync(join(root, page), "utf8")))
    throw new Error(`${page} has no example; take it off the list`);
}
const sources = readdirSync(join(root, "js/src"), { recursive: true }).filter((name) =>
  /(?<!\.test)\.tsx?$/.test(name),
);
const documented = sources.filter((name) =>
  write(`js-src-${name}`, readFileSync(join(root, "js/src", name), "utf8").replace(/^ *\* ?/gm, "")),
);
cpSync(join(root, "docs/examples.d.ts"), join(target, "examples.d.ts"));
const compilerOptions = { noUnusedLocals: false, noUnusedParameters: false, types: ["node", "react"] };
writeFileSync(
  join(target, "tsconfig.json"),
  JSON.stringify({ extends: "../../js/tsconfig.json", compilerOptions, include: ["."] }),
);
try {
  execFileSync(binary("tsc"), ["-p", target], { cwd: root, stdio: "inherit" });
} catch {
  process.exit(1);
}
console.log(`${count} examples of ${pages.length} pages and ${documented.length} sources hold`);
