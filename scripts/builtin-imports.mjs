// Node.js's own modules, taken in the place of imported. An import of one reads all that it exports, and reading some of that loads what nobody asked for: `node:http` brings
// its WebSocket and with it the whole of undici, `node:crypto` the Web Crypto API.
import { isBuiltin } from 'node:module';

/** Libraries ask for these at their start, and a server behind a proxy never uses them: OpenSSL's contexts and roots, 5 to 9 MB. */
const seldom = /^(node:)?(https|http2|tls)$/;
const seldomPrefix = '\0seldom:';

/** A plugin of rolldown. */
export const builtinImports = {
  name: 'builtin-imports',
  resolveId(source, _importer, { kind }) {
    return kind === 'require-call' && seldom.test(source) ? `${seldomPrefix}${source}` : null;
  },
  /** In the place of the module's exports: an object that takes the module when something of it is wanted. */
  load(id) {
    if (!id.startsWith(seldomPrefix)) return null;
    return `module.exports = new Proxy({}, { get: (_, name) => ${taken(id.slice(seldomPrefix.length))}[name] });`;
  },
  renderChunk(code) {
    let text = code;
    for (const { type, start, end, source, specifiers } of this.parse(code).body.toReversed()) {
      if (type !== 'ImportDeclaration' || !isBuiltin(source.value)) continue;
      text = text.slice(0, start) + declaration(specifiers, taken(source.value)) + text.slice(end);
    }
    return text === code ? null : text;
  },
};

/** Programs have variables of the name `process`. */
function taken(name) {
  return `globalThis.process.getBuiltinModule(${JSON.stringify(name)})`;
}

/** What these modules export have names that are plain identifiers. */
function declaration(specifiers, module) {
  const [named, whole] = [true, false].map((wanted) => specifiers.filter((one) => isNamed(one) === wanted));
  const names = named.map(({ imported, local }) => `${imported.name}: ${local.name}`);
  const bindings = [...whole.map(({ local }) => local.name), ...(names.length > 0 ? [`{ ${names.join(', ')} }`] : [])];
  return bindings.map((binding) => `const ${binding} = ${module};`).join('');
}

function isNamed({ type, imported }) {
  return type === 'ImportSpecifier' && imported.name !== 'default';
}
