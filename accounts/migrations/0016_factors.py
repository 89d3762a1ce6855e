"""Several authenticator apps of one user, trusted browsers, and when a passkey was offered."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# allauth allows one app and one set of recovery codes per user, by one partial index. It keeps its
# name, for migrations of allauth's to find, and covers recovery codes alone (docs/adr/0035).
_DROP = "DROP INDEX IF EXISTS unique_authenticator_type"
_CREATE = "CREATE UNIQUE INDEX unique_authenticator_type ON mfa_authenticator (user_id, type)"
_SEVERAL_APPS = [_DROP, f"{_CREATE} WHERE type = 'recovery_codes'"]
_ONE_APP = [_DROP, f"{_CREATE} WHERE type IN ('totp', 'recovery_codes')"]


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0015_browsers_of_sessions'),
        ('mfa', '0003_authenticator_type_uniq'),
    ]

    operations = [
        migrations.RunSQL(_SEVERAL_APPS, _ONE_APP),
        migrations.AddField(
            model_name='user',
            name='passkey_offered_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.CreateModel(
            name='TrustedBrowser',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('browser', models.CharField(max_length=64)),
                ('password_hash', models.CharField(max_length=128)),
                ('factors_hash', models.CharField(max_length=64)),
                ('user_agent', models.CharField(blank=True, max_length=400)),
                ('ip_address', models.GenericIPAddressField(null=True)),
                ('created_at', models.DateTimeField()),
                ('last_used_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField(db_index=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='trusted_browsers', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('browser', 'user'), name='trusted_browser_of_user')],
            },
        ),
    ]
