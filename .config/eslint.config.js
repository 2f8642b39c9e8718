import tseslint from 'typescript-eslint';

/** Folders on every request's path: synchronous code only (see src/README.md). */
const HOT = ['src/pipeline', 'src/policies', 'src/router', 'src/upstream', 'src/edge', 'src/lib'];
const noAsync = [
  { selector: ':function[async=true]', message: 'Hot folders are synchronous: no async functions.' },
  { selector: 'AwaitExpression', message: 'Hot folders are synchronous: no await.' },
];

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**', 'coverage/**'] },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: {
      parserOptions: { project: ['./test/tsconfig.json'], tsconfigRootDir: `${import.meta.dirname}/..` },
    },
    rules: {
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      'max-lines-per-function': 'off',
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      'max-lines': ['error', { max: 300, skipBlankLines: false, skipComments: false }],
      'max-lines-per-function': ['error', { max: 60 }],
      'no-console': 'error',
    },
  },
  {
    files: HOT.map((folder) => `${folder}/**/*.ts`),
    ignores: ['src/edge/addon.ts', 'src/edge/selftest.ts', 'src/edge/window-probe.ts'],
    rules: { 'no-restricted-syntax': ['error', ...noAsync] },
  },
  { files: ['**/*.js', '**/*.mjs', '.config/*.ts'], ...tseslint.configs.disableTypeChecked },
);
