// Builds the page's script and styles from placement/ into dist/placement.
// Must stay true: file names change with their content, and the manifest tells the server which they are.
import { defineConfig } from 'vite'

export default defineConfig({
  // Relative, so that the build does not know under which address the server puts it.
  base: './',
  publicDir: false,
  build: {
    outDir: 'dist/placement',
    assetsDir: '',
    emptyOutDir: true,
    manifest: true,
    target: 'es2022',
    // No data: addresses in styles: the content security policy allows only files of ours.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: ['placement/main.ts', 'placement/install.ts'] }
  }
})
