// A plugin of Babel for Jest: it makes `import("./x")` a promise of `require("./x")`, because Jest runs CommonJS.
module.exports = ({ template }) => {
  const promised = template.expression(
    "Promise.resolve().then(() => { const loaded = require(SOURCE); return loaded.__esModule ? loaded : { default: loaded }; })",
  );
  return {
    visitor: {
      CallExpression(path) {
        if (path.node.callee.type === "Import") path.replaceWith(promised({ SOURCE: path.node.arguments[0] }));
      },
    },
  };
};
