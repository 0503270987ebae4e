for (;;) api.user.setAppMetadata('k', 'x'.repeat(1000));
