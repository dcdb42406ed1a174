// GitHub's own parser over workflow and action files: `node check.mjs OWNER/NAME ROOT FILE...` prints what it says as JSON.
// The actions of OWNER/NAME are read from ROOT, so that their inputs are checked too; of others nothing is known.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { registerLogger, validate } from "@actions/languageservice";
import { TextDocument } from "vscode-languageserver-textdocument";
import { parse } from "yaml";

const [own, root, ...files] = process.argv.slice(2);
const found = [];
// It logs a fault of its own and finds nothing then.
const log = (file) => (message) => found.push({ file, line: 0, message: String(message) });

async function fetchActionMetadata({ owner, name, path }) {
  if (`${owner}/${name}` !== own) return { name, description: "" };
  return parse(await readFile(join(root, path ?? "", "action.yml"), "utf8"));
}

async function getFileContent(reference) {
  const name = reference.path;
  if (reference.repository && `${reference.owner}/${reference.repository}` !== own) throw new Error(`${name} is not ours`);
  return { name, content: await readFile(join(root, name), "utf8") };
}

for (const file of files) {
  const say = log(file);
  registerLogger({ error: say, warn: say, info() {}, log() {} });
  const document = TextDocument.create(`file:///${file}`, "yaml", 1, await readFile(join(root, file), "utf8"));
  const config = { actionsMetadataProvider: { fetchActionMetadata }, fileProvider: { getFileContent } };
  for (const { message, range } of await validate(document, config)) {
    found.push({ file, line: range.start.line + 1, message });
  }
}
console.log(JSON.stringify(found));
