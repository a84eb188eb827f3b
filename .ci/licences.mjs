// Every crate and npm package in use has a licence that this project accepts.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

const permissive = [
  "0BSD",
  "Apache-2.0",
  "Apache-2.0 WITH LLVM-exception",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "BSL-1.0",
  "BlueOak-1.0.0",
  "CC0-1.0",
  "ISC",
  "MIT",
  "MIT-0",
  "Unicode-3.0",
  "Unlicense",
  "Zlib",
];
// Tools that run here and reach no user: a copyleft of single files, and texts, do no harm in them.
const tools = [...permissive, "MPL-2.0", "CC-BY-4.0", "CC-BY-3.0", "Python-2.0"];

/** Whether an SPDX expression can be met with the accepted licences alone. `AND` binds tighter than `OR`. */
function accepts(expression, accepted) {
  const tokens = expression.replaceAll("/", " OR ").match(/\(|\)|[^\s()]+/g) ?? [];
  const either = () => {
    let met = both();
    while (tokens[0] === "OR") {
      tokens.shift();
      met = both() || met;
    }
    return met;
  };
  const both = () => {
    let met = one();
    while (tokens[0] === "AND") {
      tokens.shift();
      met = one() && met;
    }
    return met;
  };
  const one = () => {
    let token = tokens.shift();
    if (token === "(") {
      const met = either();
      tokens.shift();
      return met;
    }
    if (tokens[0] === "WITH") token = [token, ...tokens.splice(0, 2)].join(" ");
    return accepted.includes(token);
  };
  return either();
}

function crates() {
  const metadata = execFileSync("cargo", ["metadata", "--format-version=1", "--locked"], { maxBuffer: 1 << 28 });
  const { packages } = JSON.parse(metadata);
  return packages
    .filter((crate) => crate.source)
    .map((crate) => ({ name: `crate ${crate.name}`, licence: crate.license, accepted: permissive }));
}

function npmPackages(lock) {
  const { packages } = JSON.parse(readFileSync(lock, "utf8"));
  return Object.entries(packages)
    .filter(([path, entry]) => path.includes("node_modules/") && !entry.link)
    .map(([path, entry]) => ({
      name: `npm ${path.split("node_modules/").pop()}`,
      licence: entry.license,
      accepted: entry.dev || entry.devOptional || entry.optional ? tools : permissive,
    }));
}

const all = [...crates(), ...npmPackages("package-lock.json"), ...npmPackages("docs/reference/package-lock.json")];
const refused = all.filter(({ licence, accepted }) => !licence || !accepts(licence, accepted));
for (const { name, licence } of refused) console.error(`${name}: ${licence ?? "no licence given"} is not on the list`);
console.log(`${all.length} licences read, ${refused.length} refused`);
process.exitCode = refused.length > 0 ? 1 : 0;
