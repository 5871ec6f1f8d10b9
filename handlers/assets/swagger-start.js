// Who tries an operation out sends what it must have: examples of what may be left out are told instead of being filled in. (A page
// that is named by its number and by its cursor is none.)
const leaveOptionalOut = (document) => {
  for (const item of Object.values(document.paths))
    for (const operation of Object.values(item))
      for (const parameter of operation.parameters ?? []) {
        if (parameter.required) continue;
        parameter.description += `\n\nFor example: \`${parameter.example}\``;
        delete parameter.example;
      }
  return document;
};

SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayOperationId: true,
  // Its default asks a validator on the internet.
  validatorUrl: null,
  plugins: [
    () => ({
      statePlugins: {
        spec: { wrapActions: { updateJsonSpec: (update) => (document) => update(leaveOptionalOut(document)) } },
      },
    }),
  ],
});
