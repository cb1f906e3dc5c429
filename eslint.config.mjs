import js from "@eslint/js";
import tseslint from "typescript-eslint";

// Who may import whom: plan ← components ← stacks ← index; harness sees stacks and plan; nothing imports harness or rehearsal.

/** A cloud's SDK is imported in its own file alone. */
const SDKS = ["@pulumi/aws", "@pulumi/oci", "@ediri/vultr", "@pulumi/equinix-metal", "@pulumi/civo", "@pulumi/linode"];
const OWN_SDK = {
  aws: "@pulumi/aws",
  oci: "@pulumi/oci",
  vultr: "@ediri/vultr",
  equinixMetal: "@pulumi/equinix-metal",
  civo: "@pulumi/civo",
  linode: "@pulumi/linode",
};
const sdkPatterns = (allowed) => ({
  group: SDKS.filter((s) => s !== allowed).flatMap((s) => [s, `${s}/**`]),
  message: "a cloud's SDK is imported in components/clouds/<cloud>.ts alone",
});

export default tseslint.config(
  { ignores: ["node_modules/**", "coverage/**", "rehearsal/artifacts/go/**"] },
  js.configs.recommended,
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "no-console": "off",
      "max-lines": ["error", { max: 320, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    files: ["plan/**/*.ts"],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: [
            { group: ["@pulumi/*", "@pulumi/**", "@ediri/**"], message: "plan has no Pulumi import" },
            {
              group: ["**/components/**", "**/stacks/**", "**/harness/**", "**/rehearsal/**"],
              message: "plan is pure: it imports nothing of the rest",
            },
          ],
        },
      ],
    },
  },
  {
    files: ["components/**/*.ts"],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: [
            sdkPatterns(undefined),
            { group: ["**/stacks/**", "**/harness/**", "**/rehearsal/**"], message: "components see plan only" },
          ],
        },
      ],
    },
  },
  ...Object.entries(OWN_SDK).map(([file, sdk]) => ({
    files: [`components/clouds/${file}.ts`],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: [
            sdkPatterns(sdk),
            { group: ["**/stacks/**", "**/harness/**", "**/rehearsal/**"], message: "components see plan only" },
          ],
        },
      ],
    },
  })),
  {
    files: ["stacks/**/*.ts", "index.ts"],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: [
            sdkPatterns(undefined),
            { group: ["**/harness/**", "**/rehearsal/**"], message: "the program does not know who drives it" },
          ],
        },
      ],
    },
  },
  {
    files: ["harness/**/*.ts"],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: [
            sdkPatterns(undefined),
            { group: ["**/components/**", "**/rehearsal/**"], message: "harness sees stacks and plan" },
          ],
        },
      ],
    },
  },
  {
    files: ["policy/**/*.ts"],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: [
            sdkPatterns(undefined),
            { group: ["**/components/**", "**/harness/**", "**/rehearsal/**"], message: "policy sees stacks and plan" },
          ],
        },
      ],
    },
  },
  {
    files: ["rehearsal/**/*.ts"],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: [
            sdkPatterns(undefined),
            {
              group: ["**/components/**", "**/stacks/**"],
              message: "rehearsal sees plan, and the rest through the harness",
            },
          ],
        },
      ],
    },
  },
  { files: ["**/*.mjs", "**/*.cjs"], ...tseslint.configs.disableTypeChecked },
  {
    files: ["**/*.cjs"],
    languageOptions: {
      globals: {
        require: "readonly",
        module: "writable",
        exports: "writable",
        __dirname: "readonly",
        process: "readonly",
      },
    },
    rules: { "@typescript-eslint/no-require-imports": "off" },
  },
);
