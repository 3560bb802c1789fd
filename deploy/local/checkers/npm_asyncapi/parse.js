// What the official parser finds in an AsyncAPI document, as JSON: an empty list where it has nothing to say.
import { Parser, fromFile } from "@asyncapi/parser";

const { document, diagnostics } = await fromFile(new Parser(), process.argv[2]).parse();
const found = diagnostics.map(({ severity, code, message, path }) => ({ severity, code, message, path: path.join(".") }));
if (!document && found.length === 0) {
  found.push({ severity: 0, code: "no-document", message: "the parser gave no document", path: "" });
}
console.log(JSON.stringify(found));
