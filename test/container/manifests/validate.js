// Reads a JSON array of {where, manifest} and says what the schemas of the Kubernetes API have against each.
//
//   NODE_PATH=.../node_modules node validate.js < manifests.json
//
// kubernetes-models is made from the official schemas: its validators know types, formats and what is
// required, its TypeScript interfaces know every field's name. So the compiler finds the misspelt ones.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const typescript = require('typescript');

const modules = process.env.NODE_PATH;
const input = JSON.parse(fs.readFileSync(0, 'utf8'));
let faults = 0;

function complain(where, what) {
  faults += 1;
  console.log(`${where}: ${what}`);
}

function kindOf({where, manifest}) {
  const name = `kubernetes-models/${manifest.apiVersion}/${manifest.kind}`;
  if (fs.existsSync(path.join(modules, `${name}.d.ts`))) return name;
  complain(where, `there is no ${manifest.kind} in ${manifest.apiVersion}`);
}

// One line a manifest, so that a complaint's line says whose it is.
const known = input.filter(kindOf);
const source = known.map(({manifest}, number) =>
  `export const m${number}: import('kubernetes-models/${manifest.apiVersion}/${manifest.kind}')` +
  `.I${manifest.kind} = ${JSON.stringify(manifest)};`).join('\n');

const file = path.join(path.dirname(modules), 'manifests.ts');
fs.writeFileSync(file, source);
const program = typescript.createProgram([file], {
  noEmit: true, strict: true, skipLibCheck: true, types: [],
  moduleResolution: typescript.ModuleResolutionKind.Node10,
});
for (const fault of typescript.getPreEmitDiagnostics(program)) {
  const text = typescript.flattenDiagnosticMessageText(fault.messageText, ' ');
  const line = fault.file ? fault.file.getLineAndCharacterOfPosition(fault.start).line : 0;
  complain(fault.file ? known[line].where : 'the compiler', text);
}

for (const {where, manifest} of known) {
  const kind = require(`kubernetes-models/${manifest.apiVersion}/${manifest.kind}`)[manifest.kind];
  try {
    new kind(manifest).validate();
  } catch (fault) {
    complain(where, fault.message);
  }
}
process.exit(faults ? 1 : 0);
