// Prints what html-validate finds in the pages named by the arguments: a JSON list of {page, line, rule, message}.
import { readFile } from "node:fs/promises";
import { HtmlValidate, StaticConfigLoader } from "html-validate";

const loader = new StaticConfigLoader({
  extends: ["html-validate:recommended", "html-validate:a11y"],
  rules: {
    "doctype-style": ["error", { style: "lowercase" }],
    "form-dup-name": ["error", { shared: ["radio", "checkbox", "submit"] }],
    "no-trailing-whitespace": "off",
  },
});
const validator = new HtmlValidate(loader);
const found = [];
for (const page of process.argv.slice(2)) {
  const report = await validator.validateString(await readFile(page, "utf8"), page);
  for (const result of report.results) {
    for (const { line, ruleId: rule, message } of result.messages) found.push({ page, line, rule, message });
  }
}
console.log(JSON.stringify(found));
